// Components that a configuration chooses: each is registered under the message that configures it,
// and a service gets one for each such message that stands in its configuration.
//
//   const Components& Known() {
//     static const auto& known = *new Components(Components().Add<Sample>().Add<Mark>());
//     return known;
//   }
//   // message PolishConfig { …; optional SampleConfig sample = 3; repeated MarkConfig marks = 4; }
//   Polish(const PolishConfig& config, Context& context) : parts from Known().Make(config, context)
//
// Where all of a service is chosen, its main is ComponentsMain (common/service/service.h has Main).
#ifndef COMMON_SERVICE_COMPONENTS_H_
#define COMMON_SERVICE_COMPONENTS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/service/service.h"
#include "google/protobuf/message.h"

namespace mentat::service {

class Components {
 public:
  // T is a Service with a `Config`, the message of which it is made as by Main: by its constructor
  // or its `Create`.
  template <typename T>
  Components& Add() {
    factories_[T::Config::descriptor()->full_name()] = [](const google::protobuf::Message& config,
                                                          Context& context) {
      return MakeService<T>(static_cast<const typename T::Config&>(config), context);
    };
    return *this;
  }

  // A service of the components for which `config` has messages, in the order of its fields; those
  // of a list one after the other. An error names the field.
  absl::StatusOr<std::unique_ptr<Service>> Make(const google::protobuf::Message& config,
                                                Context& context) const;

 private:
  std::map<std::string, Factory, std::less<>> factories_;  // by full name of the message
};

// Runs a service all of whose work is done by the components that its configuration chooses.
template <typename Config>
int ComponentsMain(int argc, char** argv, std::string_view name, const Components& components) {
  Config config;
  return RunMain(argc, argv, name, config,
                 [&](const google::protobuf::Message& message, Context& context) {
                   return components.Make(message, context);
                 });
}

}  // namespace mentat::service

#endif  // COMMON_SERVICE_COMPONENTS_H_
