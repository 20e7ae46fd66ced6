#include "common/service/composite.h"

#include <span>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/status_macros.h"
#include "common/pipeline/stage.h"

namespace mentat::service {
namespace {

using pipeline::Item;
using pipeline::Processor;

// One processor after the other.
class Chain : public Processor {
 public:
  explicit Chain(std::vector<std::unique_ptr<Processor>> links) : links_(std::move(links)) {}

  void Process(std::span<Item> items, std::stop_token stop) override {
    for (const auto& link : links_) {
      indexes_.clear();
      for (size_t i = 0; i < items.size(); ++i) {
        if (items[i].verdict() == Item::Verdict::kForward) indexes_.push_back(i);
      }
      if (indexes_.empty()) return;
      if (indexes_.size() == items.size()) {
        link->Process(items, stop);
        continue;
      }
      for (const size_t index : indexes_) going_on_.push_back(std::move(items[index]));
      link->Process(going_on_, stop);
      for (size_t i = 0; i < indexes_.size(); ++i) items[indexes_[i]] = std::move(going_on_[i]);
      going_on_.clear();
    }
  }

 private:
  const std::vector<std::unique_ptr<Processor>> links_;
  std::vector<size_t> indexes_;  // of the items that go on
  std::vector<Item> going_on_;
};

class OneByOne : public Processor {
 public:
  explicit OneByOne(EachEvent& service) : service_(service) {}

  void Process(std::span<Item> items, std::stop_token) override {
    for (Item& item : items) service_.Process(item);
  }

 private:
  EachEvent& service_;
};

}  // namespace

absl::Status Composite::Setup() {
  for (const auto& part : parts_) {
    RETURN_IF_ERROR(part->Setup());
    ++set_up_;
  }
  return absl::OkStatus();
}

void Composite::Drain() {
  for (const auto& part : parts_) part->Drain();
}

void Composite::Teardown() {
  for (; set_up_ > 0; --set_up_) parts_[set_up_ - 1]->Teardown();
}

std::unique_ptr<Processor> Composite::MakeProcessor() {
  std::vector<std::unique_ptr<Processor>> links;
  for (const auto& part : parts_) {
    if (std::unique_ptr<Processor> link = part->MakeProcessor()) links.push_back(std::move(link));
  }
  if (links.empty()) return nullptr;
  if (links.size() == 1) return std::move(links[0]);
  return std::make_unique<Chain>(std::move(links));
}

bool Composite::ProcessesDeadLetters() const {
  for (const auto& part : parts_) {
    if (part->ProcessesDeadLetters()) return true;
  }
  return false;
}

absl::Status Composite::Run(std::stop_token stop) {
  if (parts_.empty()) return Service::Run(std::move(stop));
  Mutex mutex;
  absl::Status error;
  std::stop_source ends;
  const std::stop_callback forward(stop, [&ends] { ends.request_stop(); });
  std::vector<std::jthread> threads;
  for (const auto& part : parts_) {
    threads.emplace_back([&] {
      const absl::Status status = part->Run(ends.get_token());
      if (status.ok()) return;
      {
        const MutexLock lock(mutex);
        error.Update(status);
      }
      ends.request_stop();
    });
  }
  threads.clear();
  return error;
}

absl::StatusOr<std::function<void()>> Composite::PrepareReload() {
  std::vector<std::function<void()>> uses;
  for (const auto& part : parts_) {
    ASSIGN_OR_RETURN(std::function<void()> use, part->PrepareReload());
    if (use) uses.push_back(std::move(use));
  }
  return [uses = std::move(uses)] {
    for (const auto& use : uses) use();
  };
}

std::vector<ReloadPath> Composite::ReloadPaths() const {
  std::vector<ReloadPath> paths;
  for (const auto& part : parts_) {
    for (ReloadPath& path : part->ReloadPaths()) paths.push_back(std::move(path));
  }
  return paths;
}

absl::Status Composite::Ready() const {
  for (const auto& part : parts_) RETURN_IF_ERROR(part->Ready());
  return absl::OkStatus();
}

std::map<std::string, std::string> Composite::Details() const {
  std::map<std::string, std::string> details;
  for (const auto& part : parts_) details.merge(part->Details());
  return details;
}

std::vector<grpc::Service*> Composite::GrpcServices() {
  std::vector<grpc::Service*> services;
  for (const auto& part : parts_) {
    for (grpc::Service* service : part->GrpcServices()) services.push_back(service);
  }
  return services;
}

std::unique_ptr<Processor> EachEvent::MakeProcessor() {
  auto own = std::make_unique<OneByOne>(*this);
  std::unique_ptr<Processor> parts = Composite::MakeProcessor();
  if (parts == nullptr) return own;
  std::vector<std::unique_ptr<Processor>> links;
  links.push_back(std::move(parts));
  links.push_back(std::move(own));
  return std::make_unique<Chain>(std::move(links));
}

}  // namespace mentat::service
