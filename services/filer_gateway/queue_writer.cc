#include "services/filer_gateway/queue_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/base/pause.h"
#include "common/base/status_macros.h"
#include "common/base/unique_fd.h"
#include "common/idea/codec.h"
#include "services/filer_gateway/file_io.h"
#include "services/filer_gateway/scanner.h"

namespace mentat::filer {
namespace {

constexpr std::string_view kTemporaryPrefix = ".mentat-out-";
constexpr absl::Duration kStale = absl::Hours(1);
// Between two looks at a full queue whose departures are not noticed.
constexpr absl::Duration kRecount = absl::Seconds(1);
constexpr size_t kLongestId = 200;

// Removes what writers that died have left in tmp.
absl::Status RemoveStale(const Queue& queue) {
  ASSIGN_OR_RETURN(const Scanner::Stream stream, Scanner::OpenStream(queue.tmp(), queue.path()));
  const int64_t limit = absl::ToUnixSeconds(absl::Now() - kStale);
  while (const dirent* entry = readdir(stream.get())) {
    struct stat status;
    if (std::string_view(entry->d_name).starts_with(kTemporaryPrefix) &&
        fstatat(queue.tmp(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        status.st_mtim.tv_sec < limit) {
      unlinkat(queue.tmp(), entry->d_name, 0);
    }
  }
  return absl::OkStatus();
}

bool IsPlain(std::string_view id) {
  return !id.empty() && !id.starts_with('.') && id.size() <= kLongestId &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) {
           return isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

// Temporary files that are gone again unless they have been moved to incoming.
class TemporaryFiles {
 public:
  explicit TemporaryFiles(const Queue& queue) : queue_(queue) {}
  ~TemporaryFiles() {
    for (const File& file : files_) {
      if (!file.moved) unlinkat(queue_.tmp(), file.name.c_str(), 0);
    }
  }

  absl::Status Write(std::string name, std::string_view content) {
    UniqueFd fd(openat(queue_.tmp(), name.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!fd.valid()) return FileError("cannot create", name);
    files_.push_back({std::move(name), std::move(fd)});
    File& file = files_.back();
    RETURN_IF_ERROR(WriteAll(file.fd.get(), content, file.name));
    // Begins the writing to disk, so that the syncs find most of it done, in one transaction.
    sync_file_range(file.fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
    return absl::OkStatus();
  }

  absl::Status Sync() {
    for (File& file : files_) {
      if (fdatasync(file.fd.get()) != 0) return FileError("cannot sync", file.name);
      if (close(file.fd.Release()) != 0) return FileError("cannot close", file.name);
    }
    return absl::OkStatus();
  }

  absl::Status Move(size_t index, const std::string& final_name) {
    RETURN_IF_ERROR(MoveFile(queue_.tmp(), files_[index].name, queue_.incoming(), final_name));
    files_[index].moved = true;
    return absl::OkStatus();
  }

 private:
  struct File {
    std::string name;
    UniqueFd fd;
    bool moved = false;
  };

  const Queue& queue_;
  std::vector<File> files_;
};

std::string RandomPrefix() {
  std::random_device device;
  return absl::StrFormat("%s%08x%08x-", std::string(kTemporaryPrefix), device(), device());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Target>> Target::Open(const std::string& path, OutMetrics& metrics,
                                                     Options options) {
  ASSIGN_OR_RETURN(Queue queue, Queue::Open(path));
  RETURN_IF_ERROR(RemoveStale(queue));
  absl::StatusOr<Watch> departures =
      Watch::Open(queue.incoming(), Watch::Events::kDepartures, path + "/incoming");
  if (!departures.ok()) {
    options.log.Warning("no notices about files taken, a full queue is counted every second",
                        {{"error", departures.status()}});
    departures = Watch::OpenWithoutNotices();
    RETURN_IF_ERROR(departures.status());
  }
  return std::unique_ptr<Target>(
      new Target(std::move(queue), *std::move(departures), metrics, std::move(options)));
}

Target::Target(Queue queue, Watch departures, OutMetrics& metrics, Options options)
    : queue_(std::move(queue)),
      options_(std::move(options)),
      metrics_(metrics),
      departures_(std::move(departures)) {}

size_t Target::WaitForRoom(size_t wanted, std::stop_token stop) {
  if (options_.max_waiting_files == 0) return stop.stop_requested() ? 0 : wanted;
  // Wake may be called beside anything else.
  const std::stop_callback wake(stop,
                                [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { departures_.Wake(); });
  const MutexLock lock(room_mutex_);
  bool waited = false;
  while (!stop.stop_requested()) {
    std::vector<std::string> taken;
    const bool complete = departures_.Read(&taken);
    // A consumer has made room while we waited; elsewise, and if in doubt, the files are counted.
    if (waited && complete && !taken.empty()) {
      room_ += taken.size();
    } else if (room_ == 0) {
      const absl::StatusOr<uint64_t> waiting =
          CountFiles(queue_.incoming(), queue_.path() + "/incoming", options_.max_waiting_files);
      if (waiting.ok()) {
        metrics_.waiting.Set(static_cast<double>(*waiting));
        room_ = options_.max_waiting_files - *waiting;
      } else {
        room_ = 1;  // writing will say what is wrong
      }
    }
    if (room_ > 0) {
      const size_t given = std::min<uint64_t>(wanted, room_);
      room_ -= given;
      return given;
    }
    if (!waited) metrics_.waits.Increment();
    waited = true;
    departures_.Wait(kRecount);
  }
  return 0;
}

void Target::Report(absl::Status status) {
  const MutexLock lock(health_mutex_);
  if (!status.ok() && health_.ok()) {
    options_.log.Error("cannot write to the queue, trying again until it can be done",
                       {{"queue", queue_.path()}, {"error", status}});
  } else if (status.ok() && !health_.ok()) {
    options_.log.Info("the queue takes files again", {{"queue", queue_.path()}});
  }
  health_ = std::move(status);
}

absl::Status Target::Health() const {
  const MutexLock lock(health_mutex_);
  return health_;
}

std::string FileNameOf(std::string_view event_id) {
  if (IsPlain(event_id)) return absl::StrCat(std::string(event_id), ".idea");
  const std::string salted = absl::StrCat("mentat:", std::string(event_id));
  return absl::StrFormat("event-%016x%016x.idea", StableHash(event_id), StableHash(salted));
}

QueueWriter::QueueWriter(Target& target) : target_(target), temporary_prefix_(RandomPrefix()) {}

void QueueWriter::Process(std::span<pipeline::Item> items, std::stop_token stop) {
  absl::Duration pause = target_.options().first_retry;
  while (!items.empty()) {
    const size_t count = target_.WaitForRoom(items.size(), stop);
    if (count == 0) break;
    absl::Status written = WriteFiles(items.first(count));
    target_.Report(written);
    if (written.ok()) {
      items = items.subspan(count);
      pause = target_.options().first_retry;
      continue;
    }
    target_.metrics().disk_errors.Increment();
    Pause(pause, stop);
    pause = std::min(pause * 2, target_.options().last_retry);
  }
  for (pipeline::Item& item : items) item.Retry();
}

absl::Status QueueWriter::WriteFiles(std::span<pipeline::Item> items) {
  const Queue& queue = target_.queue();
  TemporaryFiles files(queue);
  std::string json;
  for (size_t i = 0; i < items.size(); ++i) {
    json.clear();
    idea::AppendEvent(items[i].view(), &json);
    RETURN_IF_ERROR(files.Write(absl::StrCat(temporary_prefix_, i), json));
    target_.metrics().bytes.Increment(static_cast<double>(json.size()));
  }
  RETURN_IF_ERROR(files.Sync());
  std::vector<bool> repeated(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    const absl::Status moved = files.Move(i, FileNameOf(items[i].view().id()));
    repeated[i] = absl::IsAlreadyExists(moved);
    if (!repeated[i]) RETURN_IF_ERROR(moved);
  }
  RETURN_IF_ERROR(SyncDirectory(queue.incoming(), queue.path() + "/incoming"));
  for (size_t i = 0; i < items.size(); ++i) {
    if (repeated[i]) {
      items[i].StoredBefore();
      target_.metrics().repeated.Increment();
    } else {
      items[i].Stored();
      target_.metrics().written.Increment();
    }
  }
  return absl::OkStatus();
}

}  // namespace mentat::filer
