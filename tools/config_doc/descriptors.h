// .proto files with their comments, for pages that are made of them.
#ifndef TOOLS_CONFIG_DOC_DESCRIPTORS_H_
#define TOOLS_CONFIG_DOC_DESCRIPTORS_H_

#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"

namespace mentat {

// Reads what `protoc --include_imports --include_source_info --descriptor_set_out` writes. Says on
// standard error what is wrong.
inline bool LoadDescriptors(const std::string& path, google::protobuf::DescriptorPool& pool) {
  std::ifstream in(path, std::ios::binary);
  google::protobuf::FileDescriptorSet set;
  if (!set.ParseFromIstream(&in)) {
    std::cerr << "cannot read " << path << "\n";
    return false;
  }
  for (const google::protobuf::FileDescriptorProto& file : set.file()) {
    if (pool.BuildFile(file) == nullptr) return false;
  }
  return true;
}

// The comment above, as one line.
template <typename T>
std::string Comment(const T& descriptor) {
  google::protobuf::SourceLocation location;
  if (!descriptor.GetSourceLocation(&location)) return "";
  const std::vector<std::string> lines = absl::StrSplit(location.leading_comments, '\n');
  std::vector<std::string> words;
  for (const std::string& line : lines) {
    const std::string text(absl::StripAsciiWhitespace(line));
    if (!text.empty()) words.push_back(text);
  }
  return absl::StrJoin(words, " ");
}

// Text that may stand in a table of Markdown.
inline std::string Cell(const std::string& text) {
  return absl::StrReplaceAll(text, {{"|", "\\|"}});
}

}  // namespace mentat

#endif  // TOOLS_CONFIG_DOC_DESCRIPTORS_H_
