#include "common/pipeline/item.h"

#include <utility>

#include "google/protobuf/arena.h"

namespace mentat::pipeline {

Item::Item(std::string wire, int64_t received_at, const v1::DeadLetter* dead_letter)
    : received_at_(received_at), dead_letter_(dead_letter) {
  rare().wire = std::move(wire);
  wire_ = rare().wire;
}

Item::Item(std::string_view wire, int64_t received_at, const v1::DeadLetter* dead_letter,
           google::protobuf::Arena* arena)
    : wire_(wire), received_at_(received_at), dead_letter_(dead_letter), arena_(arena) {}

Item::Item(Item&&) noexcept = default;
Item& Item::operator=(Item&&) noexcept = default;
Item::~Item() = default;

Item::Rare& Item::rare() {
  if (rare_ == nullptr) rare_ = std::make_unique<Rare>();
  return *rare_;
}

bool Item::Parse() {
  if (event_ != nullptr) return true;
  if (arena_ != nullptr) {
    event_ = google::protobuf::Arena::CreateMessage<idea::v1::Event>(arena_);
  } else {
    rare().event = std::make_unique<idea::v1::Event>();
    event_ = rare().event.get();
  }
  return event_->ParseFromArray(wire_.data(), static_cast<int>(wire_.size()));
}

idea::v1::Event& Item::event() {
  Parse();
  changed_ = true;
  return *event_;
}

const idea::v1::Event& Item::view() {
  Parse();
  return *event_;
}

void Item::Duplicate(std::string_view output) {
  rare().copies.push_back({std::string(output), TakeWire()});
}

void Item::Dispatch(std::string_view output) {
  verdict_ = Verdict::kDispatch;
  rare().text = output;
}

void Item::Drop(std::string_view rule) {
  verdict_ = Verdict::kDrop;
  rare().text = rule;
}

void Item::Reject(v1::Reason reason, std::string_view message, std::string_view rule) {
  verdict_ = Verdict::kReject;
  rare().rejecting_rule = rule;
  rare().reason = reason;
  rare().text = message;
}

const std::vector<Item::Copy>& Item::copies() const {
  static const auto& none = *new std::vector<Copy>();
  return rare_ == nullptr ? none : rare_->copies;
}

const std::string& Item::text() const {
  static const auto& none = *new std::string();
  return rare_ == nullptr ? none : rare_->text;
}

v1::Reason Item::reason() const {
  return rare_ == nullptr ? v1::REASON_UNSPECIFIED : rare_->reason;
}

std::string_view Item::rejecting_rule() const {
  return rare_ == nullptr ? std::string_view() : rare_->rejecting_rule;
}

std::string Item::TakeWire() const {
  return changed_ ? event_->SerializeAsString() : std::string(wire_);
}

}  // namespace mentat::pipeline
