#include "services/controller/file_changes.h"

#include <map>
#include <set>
#include <string>

namespace mentat::controller {
namespace {

using stage::v1::ReloadFile;
using state::v1::InstanceFiles;
using state::v1::KeptReload;

std::map<std::string, const ReloadFile*> ByPath(const InstanceFiles& files) {
  std::map<std::string, const ReloadFile*> by_path;
  for (const ReloadFile& file : files.files()) by_path[file.path()] = &file;
  return by_path;
}

ReloadFile Absent(const std::string& path) {
  ReloadFile file;
  file.set_path(path);
  file.set_absent(true);
  return file;
}

bool IsSame(const ReloadFile& a, const ReloadFile& b) {
  return a.absent() == b.absent() && (a.absent() || a.content() == b.content());
}

// As it is in `files`, absent where it is not.
ReloadFile Find(const std::map<std::string, const ReloadFile*>& files, const std::string& path) {
  const auto found = files.find(path);
  return found == files.end() ? Absent(path) : *found->second;
}

InstanceFiles SameInstance(const InstanceFiles& as) {
  InstanceFiles files;
  files.set_stage(as.stage());
  files.set_instance(as.instance());
  files.set_address(as.address());
  return files;
}

}  // namespace

InstanceFiles MakeInstanceFiles(const std::string& stage, const std::string& instance,
                                const std::string& address,
                                const stage::v1::GetReloadFilesResponse& answer) {
  InstanceFiles files;
  files.set_stage(stage);
  files.set_instance(instance);
  files.set_address(address);
  files.set_digest(answer.digest());
  *files.mutable_files() = answer.files();
  *files.mutable_withheld() = answer.withheld();
  return files;
}

InstanceFiles FilesToPut(const InstanceFiles& now, const KeptReload& kept) {
  const InstanceFiles* own = nullptr;
  const InstanceFiles* other = nullptr;
  for (const InstanceFiles& each : kept.instances()) {
    if (each.stage() != now.stage()) continue;
    if (each.instance() == now.instance()) own = &each;
    if (other == nullptr) other = &each;
  }
  InstanceFiles put = SameInstance(now);
  const InstanceFiles* wanted = own != nullptr ? own : other;
  if (wanted == nullptr) return put;
  const auto current = ByPath(now);
  for (const ReloadFile& file : wanted->files()) {
    if (own == nullptr && !current.contains(file.path())) continue;
    if (!IsSame(Find(current, file.path()), file)) *put.add_files() = file;
  }
  if (own == nullptr) return put;
  // What was there then, and what nobody knows of because it was withheld, stays.
  const auto then = ByPath(*own);
  std::set<std::string> stays(own->withheld().begin(), own->withheld().end());
  for (const auto& [path, file] : then) stays.insert(path);
  for (const ReloadFile& file : now.files()) {
    if (!file.absent() && !stays.contains(file.path())) *put.add_files() = Absent(file.path());
  }
  return put;
}

InstanceFiles FilesBefore(const InstanceFiles& now, const InstanceFiles& put) {
  InstanceFiles before = SameInstance(now);
  const auto current = ByPath(now);
  for (const ReloadFile& file : put.files()) *before.add_files() = Find(current, file.path());
  return before;
}

InstanceFiles FilesToPutBack(const InstanceFiles& now, const InstanceFiles& put,
                             const InstanceFiles& before) {
  InstanceFiles back = SameInstance(put);
  const auto current = ByPath(now);
  const auto earlier = ByPath(before);
  for (const ReloadFile& file : put.files()) {
    if (IsSame(Find(current, file.path()), file)) {
      *back.add_files() = Find(earlier, file.path());
    }
  }
  return back;
}

}  // namespace mentat::controller
