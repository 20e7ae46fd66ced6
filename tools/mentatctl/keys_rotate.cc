#include "tools/mentatctl/keys_rotate.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/pipeline/keys.h"

namespace mentat::mentatctl {
namespace {

namespace fs = std::filesystem;

// The files of one key in one folder.
struct Files {
  Files(const fs::path& folder, const std::string& name)
      : now(folder / (name + ".key")),
        now_secret(folder / (name + ".key_secret")),
        next(folder / (name + ".next.key")),
        next_secret(folder / (name + ".next.key_secret")),
        previous(folder / (name + ".previous.key")) {}

  fs::path now;
  fs::path now_secret;
  fs::path next;
  fs::path next_secret;
  fs::path previous;
};

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

absl::Status Failed(std::string_view what, const fs::path& path, const std::error_code& error) {
  return absl::FailedPreconditionError(
      absl::StrCat("cannot ", std::string(what), " ", path.string(), ": ", error.message()));
}

absl::Status Rename(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  return error ? Failed("rename", from, error) : absl::OkStatus();
}

absl::Status Copy(const fs::path& from, const fs::path& to) {
  std::error_code error;
  // By way of another name, so that nobody reads half a file.
  const fs::path part = to.string() + ".part";
  fs::copy_file(from, part, fs::copy_options::overwrite_existing, error);
  return error ? Failed("copy", from, error) : Rename(part, to);
}

absl::Status Remove(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  return error ? Failed("remove", path, error) : absl::OkStatus();
}

// The new secret file is for those that the old one is for.
absl::Status CopyOwner(const fs::path& from, const fs::path& to) {
  struct stat seen = {};
  if (::stat(from.c_str(), &seen) != 0 || ::chown(to.c_str(), seen.st_uid, seen.st_gid) != 0 ||
      ::chmod(to.c_str(), seen.st_mode & 0777) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("cannot give ", to.string(), " the owner of ",
                                                      from.string(), ": ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

// Puts the next key beside the one now, where it is missing. Whether it was anywhere.
absl::StatusOr<bool> Announce(const Files& own, const std::vector<Files>& others) {
  ASSIGN_OR_RETURN(const std::string key, pipeline::ReadPublicKey(own.next));
  bool missing = false;
  for (const Files& files : others) {
    const auto there = pipeline::ReadPublicKey(files.next);
    if (there.ok() && *there == key) continue;
    missing = true;
    RETURN_IF_ERROR(Copy(own.next, files.next));
  }
  return missing;
}

absl::Status Begin(const RotateOptions& options, const Files& own,
                   const std::vector<Files>& others) {
  RETURN_IF_ERROR(pipeline::ReadKeyPair(own.now_secret).status());
  for (const Files& files : others) RETURN_IF_ERROR(pipeline::ReadPublicKey(files.now).status());
  ASSIGN_OR_RETURN(const pipeline::KeyPair keys, pipeline::MakeKeyPair());
  RETURN_IF_ERROR(pipeline::WriteKeyPair(options.folder, options.name + ".next", keys));
  RETURN_IF_ERROR(CopyOwner(own.now_secret, own.next_secret));
  return Announce(own, others).status();
}

// The last rename in the own folder is what ends the step.
absl::Status Switch(const Files& own, const std::vector<Files>& others) {
  for (const Files& files : others) {
    if (!Exists(files.next)) continue;  // done before the step was cut short
    if (!Exists(files.previous)) RETURN_IF_ERROR(Copy(files.now, files.previous));
    RETURN_IF_ERROR(Rename(files.next, files.now));
  }
  if (!Exists(own.previous)) RETURN_IF_ERROR(Copy(own.now, own.previous));
  if (Exists(own.next_secret)) RETURN_IF_ERROR(Rename(own.next_secret, own.now_secret));
  return Rename(own.next, own.now);
}

absl::Status Finish(const Files& own, const std::vector<Files>& others) {
  for (const Files& files : others) RETURN_IF_ERROR(Remove(files.previous));
  return Remove(own.previous);
}

absl::Status Rotate(const RotateOptions& options, std::ostream& out) {
  const std::string& name = options.name;
  const Files own(options.folder, name);
  std::vector<Files> others;
  for (const std::string& folder : options.allowed) {
    std::error_code error;
    if (!fs::equivalent(folder, options.folder, error)) others.emplace_back(folder, name);
    if (error) return Failed("look at", folder, error);
  }
  const std::string reload = absl::StrCat("reload the stages that allow ", name);
  if (Exists(own.next)) {
    // Once the switch has begun, all know the new key.
    if (Exists(own.next_secret) && !Exists(own.previous)) {
      ASSIGN_OR_RETURN(const bool missing, Announce(own, others));
      if (missing) {
        out << "1/3 the new key of " << name << " is put where it was missing\n"
            << "next: " << reload << ", then call this again\n";
        return absl::OkStatus();
      }
    }
    RETURN_IF_ERROR(Switch(own, others));
    out << "2/3 the new key of " << name << " is in place, the old one still allowed\n"
        << "next: restart the stages whose key " << name
        << " is; when they are ready, call this again\n";
    return absl::OkStatus();
  }
  if (Exists(own.previous)) {
    RETURN_IF_ERROR(Finish(own, others));
    out << "3/3 the old key of " << name << " is allowed no more\n"
        << "next: " << reload << "; then all is done\n";
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(Begin(options, own, others));
  out << "1/3 a new key of " << name << " is made and allowed beside the old one\n"
      << "next: " << reload << ", then call this again\n";
  return absl::OkStatus();
}

}  // namespace

int RotateKey(const RotateOptions& options, std::ostream& out, std::ostream& err) {
  const absl::Status status = Rotate(options, out);
  if (status.ok()) return 0;
  err << "mentatctl: " << status.message() << "\n";
  return 1;
}

}  // namespace mentat::mentatctl
