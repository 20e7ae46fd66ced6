#include "common/service/components.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/service/composite.h"
#include "google/protobuf/descriptor.h"

namespace mentat::service {

absl::StatusOr<std::unique_ptr<Service>> Components::Make(const google::protobuf::Message& config,
                                                          Context& context) const {
  using google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& reflection = *config.GetReflection();
  auto composite = std::make_unique<Composite>();
  std::vector<const FieldDescriptor*> fields;  // that are set, by their numbers
  reflection.ListFields(config, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->message_type() == nullptr || field->is_map()) continue;
    const auto factory = factories_.find(field->message_type()->full_name());
    if (factory == factories_.end()) continue;
    const int count = field->is_repeated() ? reflection.FieldSize(config, field) : 1;
    for (int i = 0; i < count; ++i) {
      absl::StatusOr<std::unique_ptr<Service>> part =
          factory->second(field->is_repeated() ? reflection.GetRepeatedMessage(config, field, i)
                                               : reflection.GetMessage(config, field),
                          context);
      if (!part.ok()) {
        return absl::Status(part.status().code(),
                            absl::StrCat(field->name(), ": ", part.status().message()));
      }
      composite->AddPart(*std::move(part));
    }
  }
  return composite;
}

}  // namespace mentat::service
