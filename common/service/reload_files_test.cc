#include "common/service/reload_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/service/config_secrets.h"
#include "gtest/gtest.h"
#include "mentat/config/test/v1/sample.pb.h"

namespace mentat::service {
namespace {

using config::test::v1::SampleConfig;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

class ReloadFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(testing::TempDir(), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ + "/rules");
    Write("config.json", R"({"title": "one"})");
    Write("rules/b.json", "second");
    Write("rules/a.conf", "first");
    Write("rules/.hidden.json", "hidden");
    Write("rules/readme.txt", "not read");
    Write("secret.json", "password");
  }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  void Write(const std::string& name, const std::string& content) const {
    std::ofstream(Path(name)) << content;
  }

  static std::vector<std::string> Paths(const ReloadFiles::Listing& listing) {
    std::vector<std::string> paths;
    for (const ReloadFiles::File& file : listing.files) paths.push_back(file.path);
    return paths;
  }
  // How many files there are in the folder, hidden ones included.
  static size_t Count(const std::string& folder) {
    return std::distance(std::filesystem::directory_iterator(folder),
                         std::filesystem::directory_iterator());
  }

  std::string folder_;
  ReloadFiles files_{[this] {
                       return std::vector<ReloadPath>{{Path("config.json"), {}}};
                     },
                     SampleConfig::descriptor(),
                     [this] {
                       return std::vector<ReloadPath>{{Path("rules"), {".json", ".conf"}},
                                                      {Path("table"), {}},
                                                      {Path("own.key_secret"), {}}};
                     }};
};

TEST_F(ReloadFilesTest, ReadsWhatAReloadReads) {
  const auto listing = files_.Read();
  ASSERT_THAT(listing, IsOk());
  EXPECT_THAT(Paths(*listing), ElementsAre(Path("config.json"), Path("rules/a.conf"),
                                           Path("rules/b.json"), Path("table")));
  EXPECT_EQ(listing->files[1].content, "first");
  EXPECT_FALSE(listing->files[3].content.has_value());
  EXPECT_THAT(listing->withheld, IsEmpty());
}

TEST_F(ReloadFilesTest, TheDigestIsThatOfSha256sum) {
  const std::string digest = files_.Digest();
  EXPECT_EQ(digest.size(), 64u);
  EXPECT_EQ(files_.Digest(), digest);
  Write("rules/.hidden.json", "another");
  EXPECT_EQ(files_.Digest(), digest);
  Write("table", "");
  EXPECT_NE(files_.Digest(), digest);
  std::filesystem::remove(Path("table"));
  EXPECT_EQ(files_.Digest(), digest);
}

TEST_F(ReloadFilesTest, PutReplacesAddsAndRemoves) {
  ASSERT_EQ(::chmod(Path("rules/a.conf").c_str(), 0600), 0);
  const auto changed = files_.Put({{Path("rules/a.conf"), "new"},
                                   {Path("rules/b.json"), std::nullopt},
                                   {Path("rules/c.json"), "third"},
                                   {Path("config.json"), R"({"title": "one"})"},
                                   {Path("table"), std::nullopt}});
  ASSERT_THAT(changed, IsOk());
  EXPECT_EQ(*changed, 3u);
  EXPECT_EQ(ReadFile(Path("rules/a.conf")), "new");
  EXPECT_FALSE(std::filesystem::exists(Path("rules/b.json")));
  EXPECT_EQ(ReadFile(Path("rules/c.json")), "third");
  struct stat status {};
  ASSERT_EQ(::stat(Path("rules/a.conf").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(Count(Path("rules")), 4u);
}

TEST_F(ReloadFilesTest, OnlyWhatAReloadReadsCanBePut) {
  for (const std::string& path :
       {Path("secret.json"), Path("rules/.x.json"), Path("rules/x.txt"), Path("rules/../x.json"),
        Path("rules/sub/x.json"), Path("rules"), Path("rules/.."), Path("own.key_secret"),
        std::string("/etc/passwd"), std::string("config.json"), std::string()}) {
    EXPECT_THAT(files_.Put({{Path("rules/a.conf"), "new"}, {path, "x"}}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a reload reads no file")))
        << path;
  }
  EXPECT_THAT(files_.Put({{Path("rules/a.conf"), "new"}, {Path("rules/a.conf"), "newer"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is there twice")));
  EXPECT_EQ(ReadFile(Path("rules/a.conf")), "first");
}

TEST_F(ReloadFilesTest, AFileWithASecretIsNeitherShownNorReplaced) {
  const std::string digest = files_.Digest();
  Write("config.json", R"({"password": "tiger"})");
  const auto listing = files_.Read();
  ASSERT_THAT(listing, IsOk());
  EXPECT_THAT(listing->withheld, ElementsAre(Path("config.json")));
  EXPECT_THAT(Paths(*listing),
              ElementsAre(Path("rules/a.conf"), Path("rules/b.json"), Path("table")));
  EXPECT_NE(files_.Digest(), digest);
  EXPECT_THAT(files_.Put({{Path("config.json"), "{}"}}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("holds a secret")));
  Write("config.json", R"({"title": "one"})");
  EXPECT_THAT(files_.Put({{Path("config.json"), R"({"password": "lion"})"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("would hold a secret")));
  EXPECT_THAT(files_.Put({{Path("config.json"), R"({"password": {"file": "/x"}})"}}), IsOk());
}

TEST_F(ReloadFilesTest, WhatCannotBeWrittenLeavesEverythingAsItWas) {
  const ReloadFiles files(
      [] { return std::vector<ReloadPath>(); }, SampleConfig::descriptor(),
      [this] {
        return std::vector<ReloadPath>{{Path("rules/a.conf"), {}}, {Path("away/b.conf"), {}}};
      });
  EXPECT_THAT(files.Put({{Path("rules/a.conf"), "new"}, {Path("away/b.conf"), "x"}}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("away/b.conf")));
  EXPECT_EQ(ReadFile(Path("rules/a.conf")), "first");
  EXPECT_EQ(Count(Path("rules")), 4u);
}

TEST_F(ReloadFilesTest, TooMuchForACallIsSaid) {
  Write("table", std::string(ReloadFiles::kMaxBytes, 'x'));
  EXPECT_THAT(files_.Read(), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("bytes")));
  EXPECT_EQ(files_.Digest().size(), 64u);
}

TEST(ConfigSecretsTest, FindsSecretsWhereverTheyStand) {
  const auto holds = [](std::string_view text) {
    return HoldsSecret(text, *SampleConfig::descriptor());
  };
  EXPECT_FALSE(holds("{}"));
  EXPECT_FALSE(holds("# a comment\n{\"title\": \"password\"}"));
  EXPECT_FALSE(holds(R"({"password": {"file": "/run/secret"}})"));
  EXPECT_FALSE(holds(R"({"password": null})"));
  EXPECT_TRUE(holds(R"({"password": "tiger"})"));
  EXPECT_TRUE(holds(R"({"nested": {"nested": {"password": "tiger"}}})"));
  EXPECT_TRUE(holds(R"({"password": {"value": "tiger"}})"));
  EXPECT_TRUE(holds(R"({"password": ["tiger"]})"));
  EXPECT_TRUE(holds("# \"password\": \"tiger\"\n{}"));
  EXPECT_TRUE(holds(R"({"password": "tiger")"));  // is no JSON
  EXPECT_FALSE(holds(R"({"title": "one")"));
}

}  // namespace
}  // namespace mentat::service
