#include "common/pipeline/item.h"

#include <utility>

#include "google/protobuf/arena.h"

namespace mentat::pipeline {

Item::Item(std::string wire, int64_t received_at, const v1::DeadLetter* dead_letter,
           google::protobuf::Arena* arena)
    : wire_(std::move(wire)), received_at_(received_at), dead_letter_(dead_letter), arena_(arena) {}

Item::Item(Item&&) noexcept = default;
Item& Item::operator=(Item&&) noexcept = default;
Item::~Item() = default;

bool Item::Parse() {
  if (event_ != nullptr) return true;
  if (arena_ != nullptr) {
    event_ = google::protobuf::Arena::CreateMessage<idea::v1::Event>(arena_);
  } else {
    owned_ = std::make_unique<idea::v1::Event>();
    event_ = owned_.get();
  }
  return event_->ParseFromString(wire_);
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
  copies_.push_back({std::string(output), changed_ ? event_->SerializeAsString() : wire_});
}

void Item::Dispatch(std::string_view output) {
  verdict_ = Verdict::kDispatch;
  text_ = output;
}

void Item::Drop(std::string_view rule) {
  verdict_ = Verdict::kDrop;
  text_ = rule;
}

void Item::Reject(v1::Reason reason, std::string_view message) {
  verdict_ = Verdict::kReject;
  reason_ = reason;
  text_ = message;
}

std::string Item::TakeWire() { return changed_ ? event_->SerializeAsString() : std::move(wire_); }

}  // namespace mentat::pipeline
