#include "common/service/access/certificate_expiry.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/time/clock.h"
#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::service {
namespace {

// A file with a new certificate that is good for so many days.
std::string Make(const std::string& name, const std::string& days) {
  const std::string file = testing::TempDir() + "/" + name + ".pem";
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=" +
      name + " -days " + days + " -keyout " + file + ".key -out " + file + " 2>/dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  return file;
}

std::string Content(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

double DaysLeft(const std::string& file) {
  const absl::StatusOr<absl::Time> end = CertificateExpiry(file);
  EXPECT_THAT(end, IsOk());
  return end.ok() ? absl::ToDoubleHours(*end - absl::Now()) / 24 : 0;
}

TEST(CertificateExpiryTest, IsTheEndOfTheCertificate) {
  EXPECT_NEAR(DaysLeft(Make("ten", "10")), 10, 0.1);
}

TEST(CertificateExpiryTest, OfSeveralTheFirstEndCounts) {
  const std::string both = testing::TempDir() + "/both.pem";
  std::ofstream(both) << Content(Make("twenty", "20")) << Content(Make("five", "5"));
  EXPECT_NEAR(DaysLeft(both), 5, 0.1);
}

TEST(CertificateExpiryTest, WhatHoldsNoneIsAnError) {
  const std::string file = testing::TempDir() + "/none.pem";
  std::ofstream(file) << "no certificate\n";
  EXPECT_THAT(CertificateExpiry(file), StatusIs(absl::StatusCode::kInvalidArgument,
                                                testing::HasSubstr("expected a certificate")));
  EXPECT_THAT(CertificateExpiry(file + ".gone"), StatusIs(absl::StatusCode::kNotFound, testing::_));
}

}  // namespace
}  // namespace mentat::service
