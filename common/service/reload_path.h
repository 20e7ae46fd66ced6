// What a reload reads: a file, or those of a folder.
#ifndef COMMON_SERVICE_RELOAD_PATH_H_
#define COMMON_SERVICE_RELOAD_PATH_H_

#include <string>
#include <vector>

namespace mentat::service {

struct ReloadPath {
  std::string path;
  // If this is a folder: how the names of the files end that are read in it. Hidden files never
  // are.
  std::vector<std::string> endings;
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_RELOAD_PATH_H_
