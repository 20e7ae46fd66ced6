#include "common/pipeline/job.h"

#include <utility>

#include "common/pipeline/stage.h"
#include "common/pipeline/tap.h"

namespace mentat::pipeline {
namespace {

constexpr char kNoEvent[] = "not a serialised mentat.idea.v1.Event";
// Enough for the events of most jobs.
constexpr size_t kBlockBytes = 1 << 20;

google::protobuf::ArenaOptions Options(char* block) {
  google::protobuf::ArenaOptions options;
  options.initial_block = block;
  options.initial_block_size = kBlockBytes;
  options.max_block_size = kBlockBytes;
  return options;
}

}  // namespace

Workspace::Workspace()
    : block_(std::make_unique_for_overwrite<char[]>(kBlockBytes)), arena_(Options(block_.get())) {}

void RunJob(Job& job, Processor& processor, Workspace& workspace, std::stop_token stop) {
  const Routes& routes = *job.routes;
  std::vector<Item>& items = workspace.items_;
  std::vector<Router::Place>& places = workspace.places_;
  google::protobuf::Arena* const arena = &workspace.arena_;
  Router router(routes);
  uint64_t bytes = 0;
  for (Job::Batch& batch : job.batches) {
    bytes += batch.view.bytes;
    for (uint32_t i = 0; i < batch.view.items.size(); ++i) {
      const ItemView& view = batch.view.items[i];
      const Router::Place place = {&batch.group, batch.serial, i, batch.deadline};
      if (view.dead_letter != nullptr && !routes.process_dead_letters) {
        router.PassDeadLetter(view, place);
        continue;
      }
      if (view.IsHeartbeat() && !routes.process_dead_letters) {
        router.PassHeartbeat(view, place);
        continue;
      }
      Item item(view.event, view.received_at, view.dead_letter, arena);
      if (view.IsHeartbeat()) item.MarkHeartbeat();
      if (routes.parse_events && view.dead_letter == nullptr && !item.Parse()) {
        if (!routes.process_dead_letters) {
          router.Reject(view, place, v1::REASON_MALFORMED, kNoEvent);
          continue;
        }
        auto* dead_letter = google::protobuf::Arena::CreateMessage<v1::DeadLetter>(arena);
        dead_letter->set_reason(v1::REASON_MALFORMED);
        dead_letter->set_message(kNoEvent);
        item = Item(view.event, view.received_at, dead_letter, arena);
      }
      items.push_back(std::move(item));
      places.push_back(place);
    }
  }
  router.Expect(bytes);
  if (!items.empty()) processor.Process(items, std::move(stop));
  if (job.tap != nullptr && job.tap->listened()) job.tap->Offer(items, !routes.outputs.empty());
  for (size_t i = 0; i < items.size(); ++i) router.Route(items[i], places[i]);
  job.parcels = router.TakeParcels();
  job.rejected = std::move(router.rejected());
  for (Rejection& rejection : job.rejected) {
    for (const Job::Batch& batch : job.batches) {
      if (batch.serial != rejection.group_id) continue;
      rejection.batch = BatchName(batch.view.header.epoch, batch.view.header.id);
    }
  }
  items.clear();
  places.clear();
  workspace.arena_.Reset();
}

}  // namespace mentat::pipeline
