#include "common/service/service.h"
#include "services/filer_gateway/filer_gateway.h"

int main(int argc, char** argv) {
  return mentat::service::Main<mentat::filer::FilerGateway>(argc, argv);
}
