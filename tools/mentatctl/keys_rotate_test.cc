#include "tools/mentatctl/keys_rotate.h"

#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <sstream>

#include "common/base/status_matchers.h"
#include "common/pipeline/keys.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::mentatctl {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class KeysRotateTest : public testing::Test {
 protected:
  KeysRotateTest() {
    fs::remove_all(base_);
    fs::create_directories(own_);
    fs::create_directories(neighbour_);
    old_ = *pipeline::MakeKeyPair();
    EXPECT_THAT(pipeline::WriteKeyPair(own_, "inspector", old_), IsOk());
    fs::copy_file(own_ / "inspector.key", neighbour_ / "inspector.key");
  }

  std::string Rotate() {
    std::ostringstream out;
    std::ostringstream err;
    exit_status_ = RotateKey({"inspector", own_, {neighbour_, own_}}, out, err);
    return out.str() + err.str();
  }
  // The public keys that a neighbour allows.
  static std::set<std::string> Allowed(const fs::path& folder) {
    std::set<std::string> keys;
    const auto read = pipeline::ReadPublicKeys(std::vector{folder.string()});
    EXPECT_THAT(read, IsOk());
    for (const auto& [key, name] : *read) keys.insert(key);
    return keys;
  }
  // What the process would have after a start.
  std::string OwnKey() const {
    return pipeline::ReadKeyPair(own_ / "inspector.key_secret")->public_key;
  }

  const fs::path base_ = testing::TempDir() + "/rotate";
  const fs::path own_ = base_ / "own";
  const fs::path neighbour_ = base_ / "neighbour";
  pipeline::KeyPair old_;
  int exit_status_ = -1;
};

TEST_F(KeysRotateTest, TheKeyInUseIsAllowedAtEveryMoment) {
  ::chmod((own_ / "inspector.key_secret").c_str(), 0640);
  EXPECT_THAT(Rotate(), HasSubstr("1/3"));
  ASSERT_EQ(exit_status_, 0);
  EXPECT_EQ(OwnKey(), old_.public_key);
  EXPECT_EQ(Allowed(neighbour_).size(), 2);
  EXPECT_TRUE(Allowed(neighbour_).contains(old_.public_key));
  EXPECT_EQ(Allowed(own_), Allowed(neighbour_));
  const std::set<std::string> both = Allowed(neighbour_);

  EXPECT_THAT(Rotate(), HasSubstr("2/3"));
  ASSERT_EQ(exit_status_, 0);
  EXPECT_NE(OwnKey(), old_.public_key);
  EXPECT_EQ(Allowed(neighbour_), both);
  EXPECT_EQ(Allowed(own_), both);
  EXPECT_EQ(fs::status(own_ / "inspector.key_secret").permissions(), fs::perms(0640));
  EXPECT_EQ(*pipeline::ReadPublicKey(neighbour_ / "inspector.key"), OwnKey());

  EXPECT_THAT(Rotate(), HasSubstr("3/3"));
  ASSERT_EQ(exit_status_, 0);
  EXPECT_EQ(Allowed(neighbour_), std::set<std::string>{OwnKey()});
  EXPECT_EQ(Allowed(own_), std::set<std::string>{OwnKey()});
  EXPECT_EQ(std::distance(fs::directory_iterator(own_), fs::directory_iterator()), 2);

  EXPECT_THAT(Rotate(), HasSubstr("1/3"));  // the next time
}

TEST_F(KeysRotateTest, AFolderThatDoesNotHaveTheNewKeyYetIsToldFirst) {
  Rotate();
  fs::remove(neighbour_ / "inspector.next.key");
  EXPECT_THAT(Rotate(), HasSubstr("1/3"));
  EXPECT_EQ(OwnKey(), old_.public_key);
  EXPECT_EQ(Allowed(neighbour_).size(), 2);
  EXPECT_THAT(Rotate(), HasSubstr("2/3"));
}

TEST_F(KeysRotateTest, AStepThatWasCutShortIsDoneAgain) {
  Rotate();
  const std::set<std::string> both = Allowed(neighbour_);
  // As far as the secret key, no further.
  fs::copy_file(own_ / "inspector.key", own_ / "inspector.previous.key");
  fs::copy_file(neighbour_ / "inspector.key", neighbour_ / "inspector.previous.key");
  fs::rename(neighbour_ / "inspector.next.key", neighbour_ / "inspector.key");
  fs::rename(own_ / "inspector.next.key_secret", own_ / "inspector.key_secret");
  EXPECT_THAT(Rotate(), HasSubstr("2/3"));
  EXPECT_EQ(Allowed(neighbour_), both);
  EXPECT_EQ(Allowed(own_), both);
  EXPECT_NE(OwnKey(), old_.public_key);
  EXPECT_THAT(Rotate(), HasSubstr("3/3"));
  EXPECT_EQ(Allowed(neighbour_), std::set<std::string>{OwnKey()});
}

TEST_F(KeysRotateTest, WithoutAKeyThereIsNothingToChange) {
  fs::remove(neighbour_ / "inspector.key");
  EXPECT_THAT(Rotate(), HasSubstr("neighbour/inspector.key"));
  EXPECT_EQ(exit_status_, 1);
  EXPECT_FALSE(fs::exists(own_ / "inspector.next.key"));
  fs::remove(own_ / "inspector.key_secret");
  EXPECT_THAT(Rotate(), HasSubstr("inspector.key_secret"));
  EXPECT_EQ(exit_status_, 1);
}

}  // namespace
}  // namespace mentat::mentatctl
