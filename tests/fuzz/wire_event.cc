// An event in protobuf, from anyone: it is printed, becomes a row of the database, or is refused.
// What is printed reads back as an event of the same text, if it is one.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/idea/codec.h"
#include "common/store/event_row.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/fuzz/require.h"

namespace idea = mentat::idea;
using mentat::fuzz::Require;

namespace {

uint32_t TakeNumber(std::string_view* bytes, size_t width) {
  Require(bytes->size() >= width, "a row has room for its numbers");
  uint32_t number = 0;
  for (const char c : bytes->substr(0, width)) number = number << 8 | static_cast<uint8_t>(c);
  bytes->remove_prefix(width);
  return number;
}

// The binary format of COPY: the number of columns, before each its length, or -1 for null.
void RequireWholeRow(std::string_view bytes) {
  const uint32_t columns = TakeNumber(&bytes, 2);
  Require(columns == mentat::store::EventColumns().size(), "a row has all columns");
  for (uint32_t column = 0; column < columns; ++column) {
    const uint32_t length = TakeNumber(&bytes, 4);
    if (length == 0xffffffff) continue;
    Require(length <= bytes.size(), "a column has the length that it says");
    bytes.remove_prefix(length);
  }
  Require(bytes.empty(), "nothing is after the last column");
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  idea::v1::Event event;
  if (!event.ParseFromArray(data, static_cast<int>(size))) return 0;
  const std::string printed = idea::PrintEvent(event);
  idea::v1::Event read;
  std::vector<idea::Problem> problems;
  if (idea::ParseEvent(printed, {}, &read, &problems)) {
    const std::string normal = idea::PrintEvent(read);
    Require(idea::ParseEvent(normal, {}, &read, &problems), "what was printed is valid",
            idea::Describe(problems));
    Require(idea::PrintEvent(read) == normal, "what is normal stays as it is", normal);
  }
  const auto row = mentat::store::MakeEventRow(event, 0, 0);
  if (row.ok()) {
    RequireWholeRow(row->bytes);
  }
  return 0;
}
