#include "common/service/service.h"
#include "services/demo/demo.h"

int main(int argc, char** argv) { return mentat::service::Main<mentat::demo::Demo>(argc, argv); }
