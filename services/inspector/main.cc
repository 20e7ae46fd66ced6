#include "common/service/service.h"
#include "services/inspector/inspector.h"

int main(int argc, char** argv) {
  return mentat::service::Main<mentat::inspector::Inspector>(argc, argv);
}
