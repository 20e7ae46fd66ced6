#include "services/filer_gateway/event_reader.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/filer_gateway/content.h"

namespace mentat::filer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using Events = std::vector<std::pair<uint64_t, std::string>>;

std::string Gzip(std::string_view text) {
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = text.size();
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = packed.size();
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string Zstd(std::string_view text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 19));
  return packed;
}

// Bytes that do not compress.
std::string Noise(size_t size) {
  std::string text;
  uint64_t state = 1;
  while (text.size() < size) {
    state = state * 6364136223846793005 + 1442695040888963407;
    text += static_cast<char>('a' + (state >> 40) % 26);
  }
  return text;
}

class EventReaderTest : public testing::Test {
 protected:
  // All events of a file of this content, until the end or an error.
  absl::Status ReadAll(std::string_view content, Events* events, std::string_view name = "x.idea",
                       size_t max_event_bytes = 1000, ContentLimits limits = {}) {
    std::string path = absl::StrCat(testing::TempDir(), "/contentXXXXXX");
    UniqueFd fd(mkstemp(path.data()));
    EXPECT_EQ(write(fd.get(), content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    lseek(fd.get(), 0, SEEK_SET);
    unlink(path.c_str());
    auto opened = Content::Open(fd.get(), limits);
    if (!opened.ok()) return opened.status();
    EventReader reader(*std::move(opened), name, max_event_bytes);
    for (;;) {
      auto piece = reader.Next();
      if (!piece.ok()) return piece.status();
      if (!*piece) return absl::OkStatus();
      events->emplace_back((*piece)->line, (*piece)->text);
    }
  }

  Events Ok(std::string_view content, std::string_view name = "x.idea",
            size_t max_event_bytes = 1000) {
    Events events;
    EXPECT_THAT(ReadAll(content, &events, name, max_event_bytes), IsOk());
    return events;
  }
};

TEST_F(EventReaderTest, ADocument) {
  EXPECT_THAT(Ok(R"({"ID":"a"})"), ElementsAre(Pair(0, R"({"ID":"a"})")));
  EXPECT_THAT(Ok("\n {\"ID\":\"a\"}\r\n\n"), ElementsAre(Pair(0, R"({"ID":"a"})")));
  EXPECT_THAT(Ok("{\n  \"ID\": \"a\"\n}\n"), ElementsAre(Pair(0, "{\n  \"ID\": \"a\"\n}")));
  EXPECT_THAT(Ok("not JSON\nat all"), ElementsAre(Pair(0, "not JSON\nat all")));
}

TEST_F(EventReaderTest, DocumentsThatLookLikeLines) {
  for (const char* text : {"{\"Source\":[\n{}\n]}", "{\"a\":\n{}}", "{\"a\":[{},\n{}]}", "{\n{",
                           "[\n{}\n]", "{\"a\":{}\n,\"b\":1}", "{\"a\":{}\n}"}) {
    EXPECT_THAT(Ok(text), ElementsAre(Pair(0, text)));
  }
}

TEST_F(EventReaderTest, Lines) {
  EXPECT_THAT(Ok("{1}\n{2}\n"), ElementsAre(Pair(1, "{1}"), Pair(2, "{2}")));
  EXPECT_THAT(Ok("\n{1}\r\n\n  {2}"), ElementsAre(Pair(2, "{1}"), Pair(4, "{2}")));
  EXPECT_THAT(Ok("{1}\nbad\n"), ElementsAre(Pair(1, "{1}"), Pair(2, "bad")));
  EXPECT_THAT(Ok("{broken\n{2}\nworse\n"),
              ElementsAre(Pair(1, "{broken"), Pair(2, "{2}"), Pair(3, "worse")));
}

TEST_F(EventReaderTest, ANameMaySayThatThereAreLines) {
  EXPECT_THAT(Ok("bad\n{2}", "a.ndjson"), ElementsAre(Pair(1, "bad"), Pair(2, "{2}")));
  EXPECT_THAT(Ok("{1}", "a.jsonl"), ElementsAre(Pair(1, "{1}")));
  EXPECT_THAT(Ok(Gzip("{1}"), "a.ndjson.gz"), ElementsAre(Pair(1, "{1}")));
}

TEST_F(EventReaderTest, NothingInside) {
  EXPECT_THAT(Ok(""), IsEmpty());
  EXPECT_THAT(Ok(" \n\t\n"), IsEmpty());
  EXPECT_THAT(Ok("\n\n", "a.ndjson"), IsEmpty());
  EXPECT_THAT(Ok(Gzip("")), IsEmpty());
}

TEST_F(EventReaderTest, SizesAroundTheBuffers) {
  for (const size_t size : {4095, 4096, 4097, 8191, 8192, 8193, 300'000}) {
    const std::string text = "{" + Noise(size - 2) + "}";
    EXPECT_THAT(Ok(text, "x", 1'000'000), ElementsAre(Pair(0, text)));
    const std::string line = text + "\n";
    EXPECT_EQ(Ok(line + line + line, "x", 1'000'000).size(), 3);
    EXPECT_THAT(Ok(Gzip(text), "x", 1'000'000), ElementsAre(Pair(0, text)));
    EXPECT_THAT(Ok(Zstd(text), "x", 1'000'000), ElementsAre(Pair(0, text)));
  }
}

TEST_F(EventReaderTest, CompressedPiecesOneAfterTheOther) {
  EXPECT_THAT(Ok(Gzip("{1}\n") + Gzip("{2}\n")), ElementsAre(Pair(1, "{1}"), Pair(2, "{2}")));
  EXPECT_THAT(Ok(Zstd("{1}\n") + Zstd("{2}\n")), ElementsAre(Pair(1, "{1}"), Pair(2, "{2}")));
}

TEST_F(EventReaderTest, EventsOverTheLimit) {
  Events events;
  EXPECT_THAT(ReadAll("{" + Noise(1000) + "}", &events),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("1000 bytes")));
  EXPECT_THAT(ReadAll("{1}\n{2}\n{" + Noise(1000) + "}\n{4}", &events),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("line 3")));
  EXPECT_THAT(events, ElementsAre(Pair(1, "{1}"), Pair(2, "{2}")));
  EXPECT_THAT(ReadAll("{" + Noise(2'000'000), &events),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("1000 bytes")));
  EXPECT_THAT(ReadAll(std::string(2'000'000, ' ') + "{}", &events),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("1000 bytes")));
}

TEST_F(EventReaderTest, FilesOverTheLimit) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "{" + Noise(500) + absl::StrCat(i) + "}\n";
  ContentLimits limits;
  limits.max_bytes = 100'000;
  limits.max_ratio = 1'000'000;
  for (const std::string& content : {text, Gzip(text), Zstd(text)}) {
    Events events;
    EXPECT_THAT(ReadAll(content, &events, "x", 1000, limits),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("100000 bytes")));
    EXPECT_LE(events.size(), 200);
  }
}

TEST_F(EventReaderTest, BombsAreStoppedByTheirRatio) {
  const std::string zeros(64 << 20, '0');
  for (const std::string& bomb : {Gzip(zeros), Zstd(zeros)}) {
    Events events;
    EXPECT_THAT(ReadAll(bomb, &events, "x", 100 << 20),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("100 times its size")));
  }
}

TEST_F(EventReaderTest, ANestedBombIsUnpackedOnce) {
  const std::string inner = Gzip(std::string(1 << 20, '0'));
  EXPECT_THAT(Ok(Gzip(inner), "x", 100'000), ElementsAre(Pair(0, testing::StartsWith("\x1f\x8b"))));
}

TEST_F(EventReaderTest, DamagedCompression) {
  const std::string text = "{" + Noise(5000) + "}";
  for (const std::string& packed : {Gzip(text), Zstd(text)}) {
    Events events;
    EXPECT_THAT(ReadAll(packed.substr(0, packed.size() / 2), &events, "x", 10'000),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("too early")));
    std::string flipped = packed;
    flipped[packed.size() / 2] ^= 0x55;
    EXPECT_FALSE(ReadAll(flipped + "trailing", &events, "x", 10'000).ok());
  }
}

}  // namespace
}  // namespace mentat::filer
