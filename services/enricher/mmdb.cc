#include "services/enricher/mmdb.h"

#include <arpa/inet.h>
#include <endian.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::enricher {
namespace {

// Larger files than any that is sold; what is larger is no geoip database.
constexpr int64_t kMaxFileBytes = int64_t{2} << 30;
constexpr size_t kSeparatorBytes = 16;  // between search tree and data
// The metadata begin behind the last such marker, which stands in the last 128 KiB.
constexpr std::string_view kMarker = "\xAB\xCD\xEFMaxMind.com";
constexpr size_t kMaxMetadataBytes = 128 * 1024;

constexpr const char* kCountryPath[] = {"country", "iso_code", nullptr};
constexpr const char* kRegisteredPath[] = {"registered_country", "iso_code", nullptr};
constexpr const char* kAsnPath[] = {"autonomous_system_number", nullptr};

absl::Status Damaged(const std::string& path, std::string_view what) {
  return absl::DataLossError(absl::StrCat(
      path, ": not a sound MaxMind DB file: ", absl::string_view(what.data(), what.size())));
}

absl::Status SystemError(const std::string& path, std::string_view what) {
  return absl::ErrnoToStatus(errno,
                             absl::StrCat(path, ": ", absl::string_view(what.data(), what.size())));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// An anonymous file in memory with the content that `path` has now.
absl::StatusOr<Descriptor> CopyToMemory(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (file.get() < 0) return SystemError(path, "cannot be opened");
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return SystemError(path, "cannot be examined");
  if (!S_ISREG(status.st_mode)) return Damaged(path, "it is no regular file");
  if (status.st_size > kMaxFileBytes) {
    return Damaged(path,
                   absl::StrCat("it has ", status.st_size, " bytes, more than ", kMaxFileBytes));
  }
  Descriptor copy(memfd_create("mmdb", MFD_CLOEXEC));
  if (copy.get() < 0) return SystemError(path, "no memory file for the copy");
  std::vector<char> buffer(1 << 16);
  int64_t total = 0;
  while (true) {
    const ssize_t got = read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(path, "cannot be read");
    if (got == 0) break;
    total += got;
    if (total > status.st_size) return Damaged(path, "it grew while it was read");
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = write(copy.get(), buffer.data() + done, got - done);
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return SystemError(path, "cannot be copied to memory");
      done += put;
    }
  }
  if (total != status.st_size) return Damaged(path, "it shrank while it was read");
  return copy;
}

// A read-only view of a file's content.
class Mapping {
 public:
  static std::optional<Mapping> Of(int fd) {
    struct stat status {};
    if (fstat(fd, &status) != 0 || status.st_size == 0) return std::nullopt;
    void* data = mmap(nullptr, status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) return std::nullopt;
    return Mapping(data, status.st_size);
  }
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (data_ != nullptr) munmap(data_, size_);
  }
  std::string_view text() const { return {static_cast<const char*>(data_), size_}; }

 private:
  Mapping(void* data, size_t size) : data_(data), size_(size) {}

  void* data_;
  size_t size_;
};

// A whole number of the metadata; nothing if it is not there.
std::optional<uint64_t> MetadataNumber(MMDB_entry_s* metadata, const char* key) {
  const char* const path[] = {key, nullptr};
  MMDB_entry_data_s data;
  if (MMDB_aget_value(metadata, &data, path) != MMDB_SUCCESS || !data.has_data) return std::nullopt;
  switch (data.type) {
    case MMDB_DATA_TYPE_UINT16:
      return data.uint16;
    case MMDB_DATA_TYPE_UINT32:
      return data.uint32;
    default:
      return std::nullopt;
  }
}

// Whether a list or map of the metadata holds texts alone, as the format wants it: on others the
// library gives up without freeing what it has allocated. What is not there holds nothing else.
bool HoldsTexts(MMDB_entry_s* metadata, const char* key) {
  const char* const path[] = {key, nullptr};
  MMDB_entry_data_s data;
  if (MMDB_aget_value(metadata, &data, path) != MMDB_SUCCESS || !data.has_data) return true;
  MMDB_entry_s entry{.mmdb = metadata->mmdb, .offset = data.offset};
  MMDB_entry_data_list_s* list = nullptr;
  // A list that could be read in part is there, and to be freed, too.
  bool texts = MMDB_get_entry_data_list(&entry, &list) == MMDB_SUCCESS;
  if (list == nullptr) return false;
  for (const auto* item = list->next; item != nullptr; item = item->next) {
    texts = texts && item->entry_data.type == MMDB_DATA_TYPE_UTF8_STRING;
  }
  MMDB_free_entry_data_list(list);
  return texts;
}

// The library computes the size of the search tree in 32 bits and walks the tree while it opens the
// file, so that wrong metadata could lead it out of the file. Hence they are checked before.
absl::Status CheckMetadata(const std::string& path, std::string_view content) {
  const size_t tail = std::min(content.size(), kMaxMetadataBytes);
  const size_t marker = content.substr(content.size() - tail).rfind(kMarker);
  if (marker == std::string_view::npos) return Damaged(path, "it has no metadata");
  const size_t begin = content.size() - tail + marker + kMarker.size();
  if (begin == content.size()) return Damaged(path, "its metadata are empty");

  // Metadata are written like any other record: a data section that holds nothing else.
  MMDB_s section{};
  section.data_section = reinterpret_cast<const uint8_t*>(content.data()) + begin;
  section.data_section_size = static_cast<uint32_t>(content.size() - begin);
  MMDB_entry_s metadata{.mmdb = &section, .offset = 0};
  const std::optional<uint64_t> nodes = MetadataNumber(&metadata, "node_count");
  const std::optional<uint64_t> bits = MetadataNumber(&metadata, "record_size");
  if (!nodes || *nodes == 0) return Damaged(path, "its metadata have no number of nodes");
  if (!bits || (*bits != 24 && *bits != 28 && *bits != 32)) {
    return Damaged(path, "its metadata have no record size of 24, 28 or 32 bits");
  }
  for (const char* key : {"languages", "description"}) {
    if (!HoldsTexts(&metadata, key)) {
      return Damaged(path, absl::StrCat("its metadata have other things than texts in ", key));
    }
  }
  const uint64_t tree_bytes = *nodes * *bits / 4;
  const size_t data_end = begin - kMarker.size();
  if (tree_bytes + kSeparatorBytes > data_end) {
    return Damaged(path, absl::StrCat("a search tree of ", tree_bytes, " bytes does not fit in"));
  }
  return absl::OkStatus();
}

struct Value {
  bool sound = true;
  std::string_view country;
  uint32_t asn = 0;
};

bool IsCountryCode(std::string_view text) {
  return text.size() == 2 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

// Reads one field; false if the record is damaged. Fields that are not there are no damage.
bool ReadField(MMDB_entry_s entry, const char* const* path, MMDB_entry_data_s* data) {
  const int error = MMDB_aget_value(&entry, data, path);
  if (error == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR) {
    data->has_data = false;
    return true;
  }
  return error == MMDB_SUCCESS;
}

Value ReadCountry(const MMDB_entry_s& entry) {
  for (const char* const* path : {kCountryPath, kRegisteredPath}) {
    MMDB_entry_data_s data;
    if (!ReadField(entry, path, &data)) return {.sound = false};
    if (!data.has_data) continue;
    if (data.type != MMDB_DATA_TYPE_UTF8_STRING) return {.sound = false};
    const std::string_view code(data.utf8_string, data.data_size);
    if (!IsCountryCode(code)) return {.sound = false};
    return {.country = code};
  }
  return {};
}

Value ReadAsn(const MMDB_entry_s& entry) {
  MMDB_entry_data_s data;
  if (!ReadField(entry, kAsnPath, &data)) return {.sound = false};
  if (!data.has_data) return {};
  if (data.type != MMDB_DATA_TYPE_UINT32) return {.sound = false};
  return {.asn = data.uint32};
}

MMDB_lookup_result_s Find(const MMDB_s& database, idea::Family family, absl::uint128 address) {
  int error = MMDB_SUCCESS;
  MMDB_lookup_result_s result{};
  if (family == idea::Family::kIp4) {
    sockaddr_in socket_address{};
    socket_address.sin_family = AF_INET;
    socket_address.sin_addr.s_addr = htonl(static_cast<uint32_t>(absl::Uint128Low64(address)));
    result =
        MMDB_lookup_sockaddr(&database, reinterpret_cast<const sockaddr*>(&socket_address), &error);
  } else if (database.metadata.ip_version == 6) {
    sockaddr_in6 socket_address{};
    socket_address.sin6_family = AF_INET6;
    const std::array<uint64_t, 2> halves = {htobe64(absl::Uint128High64(address)),
                                            htobe64(absl::Uint128Low64(address))};
    std::memcpy(&socket_address.sin6_addr, halves.data(), sizeof(halves));
    result =
        MMDB_lookup_sockaddr(&database, reinterpret_cast<const sockaddr*>(&socket_address), &error);
  }
  if (error != MMDB_SUCCESS) result.found_entry = false;
  return result;
}

// Visits all nodes in the order of the file, and each data record that they point to once.
absl::Status CheckTree(const std::string& path, const MMDB_s& database, Mmdb::Content content) {
  absl::flat_hash_set<uint32_t> seen;
  bool has_content = false;
  for (uint32_t number = 0; number < database.metadata.node_count; ++number) {
    MMDB_search_node_s node;
    if (MMDB_read_node(&database, number, &node) != MMDB_SUCCESS) {
      return Damaged(path, absl::StrCat("node ", number, " cannot be read"));
    }
    for (const auto& [type, entry] : {std::pair(node.left_record_type, node.left_record_entry),
                                      std::pair(node.right_record_type, node.right_record_entry)}) {
      if (type == MMDB_RECORD_TYPE_SEARCH_NODE || type == MMDB_RECORD_TYPE_EMPTY) continue;
      if (type != MMDB_RECORD_TYPE_DATA || entry.offset >= database.data_section_size) {
        return Damaged(path, absl::StrCat("node ", number, " points out of the file"));
      }
      if (!seen.insert(entry.offset).second) continue;
      const Value value = content == Mmdb::Content::kCountry ? ReadCountry(entry) : ReadAsn(entry);
      if (!value.sound) {
        return Damaged(path, absl::StrCat("the record at ", entry.offset, " cannot be read"));
      }
      has_content = has_content || !value.country.empty() || value.asn != 0;
    }
  }
  if (has_content) return absl::OkStatus();
  return absl::FailedPreconditionError(
      content == Mmdb::Content::kCountry
          ? absl::StrCat(path,
                         ": no record has country.iso_code; expected a City or Country database")
          : absl::StrCat(path,
                         ": no record has autonomous_system_number; expected an ASN database"));
}

}  // namespace

void Mmdb::Closer::operator()(MMDB_s* database) const {
  MMDB_close(database);
  delete database;
}

absl::StatusOr<std::shared_ptr<const Mmdb>> Mmdb::Open(const std::string& path, Content content) {
  ASSIGN_OR_RETURN(const Descriptor copy, CopyToMemory(path));
  const std::optional<Mapping> mapping = Mapping::Of(copy.get());
  if (!mapping) return Damaged(path, "it is empty");
  RETURN_IF_ERROR(CheckMetadata(path, mapping->text()));
  auto opened = std::make_unique<MMDB_s>();
  const std::string name = absl::StrCat("/proc/self/fd/", copy.get());
  if (const int error = MMDB_open(name.c_str(), MMDB_MODE_MMAP, opened.get());
      error != MMDB_SUCCESS) {
    return Damaged(path, MMDB_strerror(error));
  }
  Handle database(opened.release());
  RETURN_IF_ERROR(CheckTree(path, *database, content));
  return std::shared_ptr<const Mmdb>(new Mmdb(std::move(database)));
}

std::string_view Mmdb::Country(idea::Family family, absl::uint128 address) const {
  const MMDB_lookup_result_s result = Find(*database_, family, address);
  return result.found_entry ? ReadCountry(result.entry).country : std::string_view();
}

uint32_t Mmdb::Asn(idea::Family family, absl::uint128 address) const {
  const MMDB_lookup_result_s result = Find(*database_, family, address);
  return result.found_entry ? ReadAsn(result.entry).asn : 0;
}

std::string_view Mmdb::type() const { return database_->metadata.database_type; }

int64_t Mmdb::build_time() const { return static_cast<int64_t>(database_->metadata.build_epoch); }

}  // namespace mentat::enricher
