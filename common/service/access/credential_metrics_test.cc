#include "common/service/access/credential_metrics.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mentat/config/v1/controller.pb.h"
#include "mentat/config/v1/enricher.pb.h"
#include "prometheus/metric_family.h"

namespace mentat::service {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// {name, with the value of its label if it has one: value}
std::map<std::string, double> Read(const CredentialFiles& files) {
  std::map<std::string, double> values;
  for (const prometheus::MetricFamily& family : CredentialMetrics(files)) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      std::string name = family.name;
      for (const auto& label : metric.label) absl::StrAppend(&name, " ", label.value);
      values[name] = metric.gauge.value;
    }
  }
  return values;
}

constexpr char kServer[] = "mentat_control_certificate_expiry_timestamp_seconds";
constexpr char kClient[] =
    "mentat_control_client_certificate_expiry_timestamp_seconds stage_client";
constexpr char kKey[] = "mentat_pipeline_key_written_timestamp_seconds";

// A certificate that is good for so many days; what is there is replaced.
void MakeCertificate(const std::string& file, const std::string& days) {
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=test "
      "-days " +
      days + " -keyout " + file + ".key -out " + file + " 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

double DaysFromNow(double seconds) {
  return (seconds - absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch())) / 86400;
}

TEST(CredentialMetricsTest, APlainServiceHasNothingThatEnds) {
  EXPECT_THAT(Read({}), ElementsAre(Pair(kServer, 0)));
  EXPECT_THAT(Read({.client_certificates = {{"stage_client", ""}}, .curve_key = ""}),
              ElementsAre(Pair(kServer, 0), Pair(kClient, 0), Pair(kKey, 0)));
}

TEST(CredentialMetricsTest, EachCertificateEndsByItself) {
  const std::string server = testing::TempDir() + "/server.pem";
  const std::string client = testing::TempDir() + "/client.pem";
  MakeCertificate(server, "100");
  MakeCertificate(client, "5");
  const CredentialFiles files = {.server_certificate = server,
                                 .client_certificates = {{"stage_client", client}}};
  EXPECT_NEAR(DaysFromNow(Read(files)[kServer]), 100, 0.1);
  EXPECT_NEAR(DaysFromNow(Read(files)[kClient]), 5, 0.1);
  MakeCertificate(client, "50");
  EXPECT_NEAR(DaysFromNow(Read(files)[kClient]), 50, 0.1) << "the new file counts at once";
  std::remove(client.c_str());
  EXPECT_EQ(Read(files)[kClient], 0);
}

TEST(CredentialMetricsTest, AKeyIsAsOldAsItsFile) {
  const std::string file = testing::TempDir() + "/key_secret";
  std::ofstream(file) << "key\n";
  const timespec times[2] = {{1'700'000'000, 0}, {1'700'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  EXPECT_EQ(Read({.curve_key = file})[kKey], 1'700'000'000);
  EXPECT_EQ(Read({.curve_key = file + ".gone"})[kKey], 0);
}

TEST(CredentialMetricsTest, ConfigurationsNameClientCertificates) {
  config::v1::ControllerConfig config;
  EXPECT_THAT(ClientCertificates(config), ElementsAre(Pair("stage_client", "")));
  config.mutable_stage_client()->set_cert_file("/tls/client.pem");
  EXPECT_THAT(ClientCertificates(config), ElementsAre(Pair("stage_client", "/tls/client.pem")));
  EXPECT_THAT(ClientCertificates(config::v1::EnricherConfig()), IsEmpty());
}

}  // namespace
}  // namespace mentat::service
