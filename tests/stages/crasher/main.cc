#include <sys/resource.h>

#include "common/service/service.h"
#include "tests/stages/crasher/crasher.h"

int main(int argc, char** argv) {
  // Its crashes are on purpose and leave no core behind.
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  return mentat::service::Main<mentat::crasher::Crasher>(argc, argv);
}
