#include "common/service/service.h"
#include "services/controller/controller.h"

int main(int argc, char** argv) {
  return mentat::service::Main<mentat::controller::Controller>(argc, argv);
}
