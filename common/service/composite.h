// A service made of parts, each of which is a service in itself: a table that is read from a file,
// a step of the work on events, a gRPC service. What the frame asks of the whole is asked of each
// part.
//
//   class Sampler : public service::EachEvent {
//    public:
//     Sampler(const Config& config, service::Context& context)
//         : hosts_(Use<service::Lines>("hosts", config.hosts_file(), context)) {}
//     void Process(pipeline::Item& item) override { … hosts_.Contains(…) … }
//
// docs/writing-a-stage.md.
#ifndef COMMON_SERVICE_COMPOSITE_H_
#define COMMON_SERVICE_COMPOSITE_H_

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/pipeline/item.h"
#include "common/service/service.h"

namespace mentat::service {

// Thread-safe, once all parts are there.
class Composite : public Service {
 public:
  // Adds a part; before the service is set up.
  void AddPart(std::unique_ptr<Service> part) { parts_.push_back(std::move(part)); }

  // In the order of the parts. The first error ends it, and Teardown follows for those that were
  // set up.
  absl::Status Setup() override;
  void Drain() override;
  // In the opposite order.
  void Teardown() override;

  // The processors of the parts one after the other: each is given the events that the ones before
  // let go on. Null if no part has one.
  std::unique_ptr<pipeline::Processor> MakeProcessor() override;
  bool ProcessesDeadLetters() const override;
  // All parts at once, each on a thread of its own; the first error stops the others.
  absl::Status Run(std::stop_token stop) override;
  // All or nothing.
  absl::StatusOr<std::function<void()>> PrepareReload() override;
  std::vector<ReloadPath> ReloadPaths() const override;
  absl::Status Ready() const override;
  std::map<std::string, std::string> Details() const override;
  std::vector<grpc::Service*> GrpcServices() override;

 protected:
  // Makes a part, which lives as long as this.
  template <typename T, typename... Arguments>
  T& Use(Arguments&&... arguments) {
    auto part = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    T& reference = *part;
    AddPart(std::move(part));
    return reference;
  }

 private:
  std::vector<std::unique_ptr<Service>> parts_;
  size_t set_up_ = 0;  // how many of them
};

// A composite that looks at the events itself, one by one, after its parts have.
class EachEvent : public Composite {
 public:
  // Gives the item its verdict. Called by all workers at once.
  virtual void Process(pipeline::Item& item) = 0;

  std::unique_ptr<pipeline::Processor> MakeProcessor() override;
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_COMPOSITE_H_
