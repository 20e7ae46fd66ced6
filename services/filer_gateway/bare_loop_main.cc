// The bare loop by itself, for benchmarks of whole installations: bare_loop QUEUE prints its
// seconds.
#include <cstdio>

#include "services/filer_gateway/bare_loop.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s QUEUE\n", argv[0]);
    return 2;
  }
  std::printf("%.6f\n", mentat::filer::BareLoopSeconds(argv[1]));
  return 0;
}
