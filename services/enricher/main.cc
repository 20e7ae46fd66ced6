#include "common/service/service.h"
#include "services/enricher/enricher.h"

int main(int argc, char** argv) {
  return mentat::service::Main<mentat::enricher::Enricher>(argc, argv);
}
