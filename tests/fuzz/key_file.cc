// A file of a key: it is read or refused, and no message holds a secret key.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "common/pipeline/keys.h"
#include "tests/fuzz/require.h"

namespace pipeline = mentat::pipeline;
using mentat::fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int fd = memfd_create("fuzz", MFD_CLOEXEC);
  Require(fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, data, size) == static_cast<ssize_t>(size),
          "there is a file");
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const auto pair = pipeline::ReadKeyPair(path);
  const auto key = pipeline::ReadPublicKey(path);
  if (pair.ok()) {
    Require(pair->public_key.size() == pipeline::kKeyCharacters &&
                pair->secret_key.size() == pipeline::kKeyCharacters,
            "keys have 40 characters");
    Require(key.ok() && *key == pair->public_key, "both readers know the public key");
  }
  if (key.ok()) Require(key->size() == pipeline::kKeyCharacters, "a key has 40 characters");
  close(fd);
  return 0;
}
