#include "common/pipeline/keys.h"

#include <fcntl.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/secret_file.h"
#include "common/base/status_macros.h"

namespace mentat::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = 64 << 10;
constexpr size_t kMaxKeys = 4096;

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool IsKey(const std::string& text) {
  std::array<uint8_t, 32> bytes;
  return text.size() == kKeyCharacters && zmq_z85_decode(bytes.data(), text.c_str()) != nullptr;
}

// Only what a certificate needs of the format (ZPL, RFC 4): one `name = value` a line, the value in
// quotes or not; keys of other sections are of no interest. The secret key is empty if there is
// none.
absl::StatusOr<KeyPair> Parse(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(kMaxFileBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad() || (stream.fail() && !stream.eof())) {
    return absl::NotFoundError(
        absl::StrCat("cannot read the key file ", file.string(), ": ", std::strerror(errno)));
  }
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(absl::StrCat(file.string(), ": too large for a key file"));
  }
  KeyPair certificate;
  std::string_view rest = text;
  for (int number = 1; !rest.empty(); ++number) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = Trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const size_t equals = line.find('=');
    if (line.empty() || line.front() == '#' || equals == std::string_view::npos) continue;
    const std::string_view name = Trim(line.substr(0, equals));
    std::string_view value = Trim(line.substr(equals + 1));
    if (name != "public-key" && name != "secret-key") continue;
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
        value.back() == value.front()) {
      value = value.substr(1, value.size() - 2);
    }
    std::string& key = name == "public-key" ? certificate.public_key : certificate.secret_key;
    if (!key.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(file.string(), ":", number, ": a second ", std::string(name)));
    }
    key = value;
    if (!IsKey(key)) {
      return absl::InvalidArgumentError(absl::StrCat(
          file.string(), ":", number, ": ", std::string(name), ": expected 40 characters of Z85"));
    }
  }
  if (certificate.public_key.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.string(), ": no public-key; expected a ZeroMQ certificate"));
  }
  return certificate;
}

absl::Status Write(const fs::path& file, std::string_view text, mode_t mode) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) {
    const int error = errno;
    const std::string message =
        absl::StrCat("cannot make ", file.string(), ": ", std::strerror(error));
    return error == EEXIST ? absl::AlreadyExistsError(message)
                           : absl::FailedPreconditionError(message);
  }
  const ssize_t written = ::write(fd, text.data(), text.size());
  const bool whole = written == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  if (::close(fd) == 0 && whole) return absl::OkStatus();
  ::unlink(file.c_str());
  return absl::InternalError(absl::StrCat("cannot write ", file.string()));
}

bool IsName(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.size() <= 128 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

}  // namespace

absl::Status CheckCurveSupport() {
  if (zmq_has("curve") != 0) return absl::OkStatus();
  return absl::UnimplementedError(
      "encryption is configured, but this libzmq was built without CURVE (libsodium)");
}

absl::StatusOr<KeyPair> MakeKeyPair() {
  RETURN_IF_ERROR(CheckCurveSupport());
  std::array<char, kKeyCharacters + 1> public_key;
  std::array<char, kKeyCharacters + 1> secret_key;
  if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
    return absl::InternalError(absl::StrCat("cannot make keys: ", zmq_strerror(zmq_errno())));
  }
  return KeyPair{public_key.data(), secret_key.data()};
}

absl::Status WriteKeyPair(const fs::path& folder, const std::string& name, const KeyPair& keys) {
  if (!IsName(name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", name, "\" cannot name a key: expected letters, digits, hyphens, dots, underscores"));
  }
  const std::string head = absl::StrCat("metadata\n    name = \"", name,
                                        "\"\ncurve\n    public-key = \"", keys.public_key, "\"\n");
  const fs::path public_file = folder / absl::StrCat(name, std::string(kPublicKeySuffix));
  const fs::path secret_file = folder / absl::StrCat(name, std::string(kSecretKeySuffix));
  if (fs::exists(public_file)) {
    return absl::AlreadyExistsError(absl::StrCat(public_file.string(), " is there already"));
  }
  RETURN_IF_ERROR(
      Write(secret_file,
            absl::StrCat("# ZeroMQ CURVE secret certificate: whoever can read it can pass for ",
                         name, ".\n", head, "    secret-key = \"", keys.secret_key, "\"\n"),
            0600));
  if (absl::Status status = Write(
          public_file,
          absl::StrCat("# ZeroMQ CURVE public certificate: for whom ", name, " talks to.\n", head),
          0644);
      !status.ok()) {
    ::unlink(secret_file.c_str());
    return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<KeyPair> ReadKeyPair(const fs::path& file) {
  RETURN_IF_ERROR(CheckCurveSupport());
  RETURN_IF_ERROR(CheckSecretFile(file));
  ASSIGN_OR_RETURN(KeyPair certificate, Parse(file));
  if (certificate.secret_key.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        file.string(), ": no secret-key; it stands in the file that ends in .key_secret"));
  }
  std::array<char, kKeyCharacters + 1> derived;
  if (zmq_curve_public(derived.data(), certificate.secret_key.c_str()) != 0 ||
      certificate.public_key != derived.data()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.string(), ": public-key and secret-key do not belong together"));
  }
  return certificate;
}

absl::StatusOr<std::string> ReadPublicKey(const fs::path& file) {
  ASSIGN_OR_RETURN(KeyPair certificate, Parse(file));
  return std::move(certificate.public_key);
}

absl::StatusOr<PublicKeys> ReadPublicKeys(std::span<const std::string> paths) {
  std::vector<fs::path> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      files.emplace_back(path);
      continue;
    }
    fs::directory_iterator entries(path, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      const std::string name = entries->path().filename().string();
      if (name.ends_with(kPublicKeySuffix) && !name.starts_with('.')) {
        files.push_back(entries->path());
      }
      if (files.size() > kMaxKeys) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, ": more than ", kMaxKeys, " keys are allowed"));
      }
    }
    if (error) {
      return absl::NotFoundError(
          absl::StrCat("cannot read the folder of keys ", path, ": ", error.message()));
    }
  }
  PublicKeys keys;
  for (const fs::path& file : files) {
    ASSIGN_OR_RETURN(KeyPair certificate, Parse(file));
    if (!certificate.secret_key.empty()) {
      return absl::FailedPreconditionError(absl::StrCat(
          file.string(), ": holds a secret key; only public keys belong among those allowed"));
    }
    keys.emplace(std::move(certificate.public_key), file.stem().string());
  }
  return keys;
}

}  // namespace mentat::pipeline
