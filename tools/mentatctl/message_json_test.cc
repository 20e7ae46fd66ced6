#include "tools/mentatctl/message_json.h"

#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace mentat::mentatctl {
namespace {

// Some terminals obey U+0080 to U+009F as they do ESC, which JSON does not have written out.
TEST(MessageJsonTest, NothingInItSteersATerminal) {
  const std::string hostile = "\x1b[2J \x7f \xc2\x80 \xc2\x9b\x32J \xc2\xa0 \xc5\xbe";
  const nlohmann::ordered_json json = {{"Description", hostile}};
  const std::string line = JsonLine(json);
  EXPECT_EQ(line, "{\"Description\":\"\\u001b[2J \\u007f \\u0080 \\u009b2J \xc2\xa0 \xc5\xbe\"}\n");
  EXPECT_EQ(nlohmann::ordered_json::parse(line), json);
  EXPECT_EQ(nlohmann::ordered_json::parse(JsonText(json)), json);
}

}  // namespace
}  // namespace mentat::mentatctl
