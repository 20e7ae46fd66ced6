#include "common/service/testing/certificates.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/service/testing/child_process.h"

namespace mentat::testing_support {
namespace {

absl::Status OpenSsl(const std::string& folder, const std::vector<std::string>& arguments) {
  const std::string output = folder + "/openssl.log";
  ASSIGN_OR_RETURN(auto process, ChildProcess::Start("/usr/bin/openssl", arguments, output));
  ASSIGN_OR_RETURN(const int exit_status, process->Wait());
  if (exit_status == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("openssl ", arguments[0], ": ", process->Output()));
}

absl::Status Finish(const std::string& path) {
  ::chmod((path + ".key.new").c_str(), 0600);
  std::error_code error;
  for (const std::string suffix : {".key", ".pem"}) {
    std::filesystem::rename(path + suffix + ".new", path + suffix, error);
    if (error) return absl::InternalError(absl::StrCat(path, suffix, ": ", error.message()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MakeAuthority(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  RETURN_IF_ERROR(OpenSsl(
      folder, {"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
               "-keyout", path + ".key.new", "-out", path + ".pem.new", "-subj", "/CN=" + name}));
  return Finish(path);
}

absl::Status MakeCertificate(const std::string& folder, const std::string& authority,
                             const std::string& name) {
  const std::string path = folder + "/" + name;
  const std::string issuer = folder + "/" + authority;
  const std::string request = path + ".csr";
  const std::string extensions = path + ".ext";
  std::ofstream(extensions) << "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
  RETURN_IF_ERROR(
      OpenSsl(folder, {"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                       "-keyout", path + ".key.new", "-out", request, "-subj", "/CN=" + name}));
  RETURN_IF_ERROR(OpenSsl(
      folder, {"x509", "-req", "-in", request, "-CA", issuer + ".pem", "-CAkey", issuer + ".key",
               "-days", "2", "-extfile", extensions, "-out", path + ".pem.new"}));
  return Finish(path);
}

}  // namespace mentat::testing_support
