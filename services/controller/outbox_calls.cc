#include "services/controller/outbox_calls.h"

#include <algorithm>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/store/outbox_queries.h"
#include "services/controller/selection.h"
#include "services/controller/selection_values.h"

namespace mentat::controller {
namespace {

absl::StatusOr<store::OutboxFilter> ReadSelection(const v1::OutboxSelection& selection) {
  store::OutboxFilter filter;
  ASSIGN_OR_RETURN(filter.ids, ReadIds(selection.ids()));
  ASSIGN_OR_RETURN(filter.kinds, ReadTexts("kinds", selection.kinds()));
  ASSIGN_OR_RETURN(filter.states, ReadTexts("states", selection.states()));
  return filter;
}

// What changes something has to say what it means.
template <typename Request>
absl::StatusOr<store::OutboxFilter> ReadDangerous(const Request& request) {
  ASSIGN_OR_RETURN(store::OutboxFilter filter, ReadSelection(request.selection()));
  if (filter.IsEmpty() && !request.all()) return NothingChosen();
  return filter;
}

void Show(const store::StoredOutboxMessage& message, v1::OutboxMessage& shown) {
  shown.set_id(message.id);
  shown.set_kind(message.kind);
  shown.set_key(message.key);
  shown.set_state(message.state);
  shown.set_last_error(message.last_error);
  shown.set_payload_bytes(message.payload_bytes);
  shown.set_attempts(message.attempts);
  SetTime(message.enqueue_time, *shown.mutable_enqueue_time());
  SetTime(message.due_time, *shown.mutable_due_time());
  if (message.end_time != 0) SetTime(message.end_time, *shown.mutable_end_time());
}

}  // namespace

grpc::Status OutboxCalls::List(const v1::ListOutboxRequest& request,
                               v1::ListOutboxResponse& response) {
  if (pool_ == nullptr) return NoDatabase();
  const auto filter = ReadSelection(request.selection());
  if (!filter.ok()) return ToGrpc(filter.status());
  int64_t before = 0;
  if (!request.page_token().empty() &&
      (!absl::SimpleAtoi(request.page_token(), &before) || before <= 0)) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "page_token: is not one that an answer has given"};
  }
  const uint32_t size = request.page_size() == 0 ? kPage : std::min(request.page_size(), kMostPage);
  return ToGrpc(pool_->Use([&](store::Connection& connection) {
    ASSIGN_OR_RETURN(const auto messages, store::ListOutbox(connection, *filter, before, size + 1));
    for (const store::StoredOutboxMessage& message : messages) {
      if (response.messages_size() == size) {
        response.set_next_page_token(absl::StrCat(messages[size - 1].id));
        break;
      }
      Show(message, *response.add_messages());
    }
    return absl::OkStatus();
  }));
}

grpc::Status OutboxCalls::Count(const v1::CountOutboxRequest& request,
                                v1::CountOutboxResponse& response) {
  if (pool_ == nullptr) return NoDatabase();
  const auto filter = ReadSelection(request.selection());
  if (!filter.ok()) return ToGrpc(filter.status());
  return ToGrpc(pool_->Use([&](store::Connection& connection) {
    ASSIGN_OR_RETURN(const auto groups, store::CountOutbox(connection, *filter));
    for (const store::OutboxGroup& group : groups) {
      v1::OutboxGroup& shown = *response.add_groups();
      shown.set_kind(group.kind);
      shown.set_state(group.state);
      shown.set_count(group.count);
      SetTime(group.first_time, *shown.mutable_first_time());
    }
    return absl::OkStatus();
  }));
}

grpc::Status OutboxCalls::Retry(const v1::RetryOutboxRequest& request,
                                v1::RetryOutboxResponse& response) {
  if (pool_ == nullptr) return NoDatabase();
  const auto filter = ReadDangerous(request);
  if (!filter.ok()) return ToGrpc(filter.status());
  return ToGrpc(pool_->Use([&](store::Connection& connection) {
    ASSIGN_OR_RETURN(const uint64_t retried, store::RetryOutbox(connection, *filter));
    response.set_retried(retried);
    return absl::OkStatus();
  }));
}

grpc::Status OutboxCalls::Discard(const v1::DiscardOutboxRequest& request,
                                  v1::DiscardOutboxResponse& response) {
  if (pool_ == nullptr) return NoDatabase();
  const auto filter = ReadDangerous(request);
  if (!filter.ok()) return ToGrpc(filter.status());
  return ToGrpc(pool_->Use([&](store::Connection& connection) {
    ASSIGN_OR_RETURN(const uint64_t discarded, store::DiscardOutbox(connection, *filter));
    response.set_discarded(discarded);
    return absl::OkStatus();
  }));
}

}  // namespace mentat::controller
