// What the filer gateway counts.
#ifndef SERVICES_FILER_GATEWAY_METRICS_H_
#define SERVICES_FILER_GATEWAY_METRICS_H_

#include "common/service/metrics.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace mentat::filer {

// From a queue into the pipeline.
struct InMetrics {
  explicit InMetrics(prometheus::Registry& registry) : registry_(registry) {}

  prometheus::Registry& registry_;
  prometheus::Counter& taken = Count("files_taken_total", "Files taken from incoming.");
  prometheus::Counter& adopted =
      Count("files_adopted_total", "Files taken from pending, where nobody worked on them.");
  prometheus::Counter& finished =
      Count("files_finished_total", "Files removed since all of their events are settled.");
  prometheus::Counter& errored = Count("files_errored_total", "Files moved to errors.");
  prometheus::Counter& returned =
      Count("files_returned_total", "Files given back to incoming unsettled.");
  prometheus::Counter& skipped =
      Count("files_skipped_total",
            "Files that were gone when they were reached for, or owned by others.");
  prometheus::Counter& irregular = Count(
      "files_irregular_total", "Directories, links, pipes and unreadable files moved to errors.");
  prometheus::Counter& events = Count("events_total", "Events handed to the pipeline.");
  prometheus::Counter& events_refused =
      Count("events_refused_total", "Events put into errors, invalid or given up by a stage.");
  prometheus::Counter& bytes = Count("bytes_total", "Bytes of the events read, as JSON.");
  prometheus::Counter& scans = Count("scans_total", "Listings of the queue begun.");
  prometheus::Counter& overflows = Count(
      "overflows_total", "Times that notices of new files were lost and a listing made good.");
  prometheus::Counter& disk_errors =
      Count("disk_errors_total", "Operations on the queue that failed and are tried again.");
  prometheus::Gauge& pending = Gauge("pending_files", "Files taken and not settled.");
  prometheus::Gauge& incoming =
      Gauge("incoming_files", "Files that wait in incoming, counted up to ten thousand.");
  prometheus::Gauge& oldest = Gauge("incoming_oldest_seconds",
                                    "Age of the oldest of the first thousand files in incoming.");
  prometheus::Gauge& disk_free =
      Gauge("disk_free_bytes", "Room for others than root on the disk of the queue.");
  prometheus::Gauge& disk_size = Gauge("disk_size_bytes", "Size of the disk of the queue.");

 private:
  prometheus::Counter& Count(const char* name, const char* help) {
    return service::AddCounter(registry_, std::string("mentat_filer_in_") + name, help);
  }
  prometheus::Gauge& Gauge(const char* name, const char* help) {
    return service::AddGauge(registry_, std::string("mentat_filer_in_") + name, help);
  }
};

// From the pipeline into a queue.
struct OutMetrics {
  explicit OutMetrics(prometheus::Registry& registry) : registry_(registry) {}

  prometheus::Registry& registry_;
  prometheus::Counter& written = Count("files_written_total", "Files put into incoming.");
  prometheus::Counter& repeated =
      Count("files_repeated_total", "Events whose file was still in incoming.");
  prometheus::Counter& bytes = Count("bytes_total", "Bytes written.");
  prometheus::Counter& waits =
      Count("waits_total", "Times that the consumer was waited for at the limit.");
  prometheus::Counter& disk_errors =
      Count("disk_errors_total", "Writes that failed and are tried again.");
  prometheus::Gauge& waiting = service::AddGauge(registry_, "mentat_filer_out_incoming_files",
                                                 "Files in incoming when last counted.");

 private:
  prometheus::Counter& Count(const char* name, const char* help) {
    return service::AddCounter(registry_, std::string("mentat_filer_out_") + name, help);
  }
};

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_METRICS_H_
