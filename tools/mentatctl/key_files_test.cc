#include "tools/mentatctl/key_files.h"

#include <filesystem>
#include <sstream>

#include "common/base/status_matchers.h"
#include "common/pipeline/keys.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::mentatctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(KeysCommandTest, KeysAreMadeOnceAndShownWithoutTheirSecrets) {
  const std::filesystem::path folder = testing::TempDir() + "/keys/inspector";
  std::filesystem::remove_all(folder);
  std::ostringstream made;
  std::ostringstream errors;
  ASSERT_EQ(GenerateKeys({"inspector", "inspector-2"}, folder, made, errors), 0) << errors.str();
  const auto keys = pipeline::ReadKeyPair(folder / "inspector.key_secret");
  ASSERT_THAT(keys, IsOk());
  EXPECT_THAT(made.str(), AllOf(HasSubstr("inspector " + keys->public_key + "\n"),
                                HasSubstr("inspector-2 "), Not(HasSubstr(keys->secret_key))));

  std::ostringstream again;
  EXPECT_EQ(GenerateKeys({"inspector"}, folder, again, errors), 1);
  EXPECT_THAT(errors.str(), HasSubstr("inspector.key is there already"));
  EXPECT_EQ(pipeline::ReadPublicKey(folder / "inspector.key").value(), keys->public_key);

  std::ostringstream shown;
  EXPECT_EQ(ShowKeys({folder, folder / "inspector.key_secret"}, shown, errors), 0);
  EXPECT_THAT(shown.str(), AllOf(HasSubstr("inspector " + keys->public_key + "\n"),
                                 HasSubstr("inspector-2 "), Not(HasSubstr(keys->secret_key))));
  EXPECT_EQ(ShowKeys({folder / "none.key"}, shown, errors), 1);
  EXPECT_THAT(errors.str(), HasSubstr("none.key"));
}

TEST(KeysCommandTest, AFolderThatCannotBeMadeIsAnError) {
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(GenerateKeys({"a"}, "/proc/none/keys", out, err), 1);
  EXPECT_THAT(err.str(), HasSubstr("/proc/none/keys"));
}

}  // namespace
}  // namespace mentat::mentatctl
