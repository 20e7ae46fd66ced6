// mentatctl: the command line of an installation, and of the parts that need none.

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "tools/mentatctl/run.h"

int main(int argc, char** argv) {
  const auto environment = [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value == nullptr ? "" : value);
  };
  return mentat::mentatctl::Run(std::vector<std::string>(argv + 1, argv + argc), environment,
                                std::cin, std::cout, std::cerr);
}
