// Runs a fuzz target over its committed corpus, without a fuzzer: the files of the folder that the
// environment names, each also cut in half.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

TEST(CorpusTest, EveryFileIsStood) {
  const char* const folder = std::getenv("CORPUS");
  ASSERT_NE(folder, nullptr);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    // The last one named is the one that ended the test.
    std::fprintf(stderr, "%s\n", entry.path().c_str());
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const auto* const data = reinterpret_cast<const uint8_t*>(text.data());
    LLVMFuzzerTestOneInput(data, text.size());
    LLVMFuzzerTestOneInput(data, text.size() / 2);
    ++files;
  }
  EXPECT_GT(files, 0);
}

}  // namespace
