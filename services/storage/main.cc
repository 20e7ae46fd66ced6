#include "common/service/service.h"
#include "services/storage/storage.h"

int main(int argc, char** argv) {
  return mentat::service::Main<mentat::storage::Storage>(argc, argv);
}
