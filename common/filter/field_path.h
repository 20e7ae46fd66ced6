// Paths all of whose keys the event knows, and the values they lead to, without any list being
// built.
#ifndef COMMON_FILTER_FIELD_PATH_H_
#define COMMON_FILTER_FIELD_PATH_H_

#include <cstddef>
#include <optional>
#include <type_traits>
#include <variant>
#include <vector>

#include "common/filter/fields.h"
#include "common/filter/path.h"
#include "common/idea/jpath.h"
#include "google/protobuf/message.h"

namespace mentat::filter {

struct FieldPath {
  struct Step {
    FieldReader reader;
    idea::Path::Index index;
    size_t number;
  };
  std::vector<Step> steps;
};

// Nothing if the event does not know one of the keys.
std::optional<FieldPath> Resolve(const EventPath& path);
// The first keys of a path; all of them have to be known.
std::optional<FieldPath> ResolveFirst(const EventPath& path, size_t keys);

namespace internal {

// Calls `visit` for the items of a list that the index means, until it returns true.
template <typename At, typename Visit>
bool AnyItem(const FieldPath::Step& step, int size, const At& at, const Visit& visit) {
  switch (step.index) {
    case idea::Path::Index::kNone:
    case idea::Path::Index::kAll:
      for (int i = 0; i < size; ++i) {
        if (visit(at(i))) return true;
      }
      return false;
    case idea::Path::Index::kLast:
      return size > 0 && visit(at(size - 1));
    case idea::Path::Index::kNumber:
      return step.number >= 1 && step.number <= static_cast<size_t>(size) &&
             visit(at(static_cast<int>(step.number) - 1));
  }
  return false;
}

// Calls `visit` for the values of the field that the step leads to, until it returns true.
template <typename Visit>
bool AnyValue(const FieldPath::Step& step, const google::protobuf::Message& message,
              const Visit& visit) {
  return std::visit(
      [&](const auto& read) {
        using Reader = std::decay_t<decltype(read)>;
        if constexpr (std::is_same_v<Reader, ReadObjects>) {
          return AnyItem(
              step, read.size(message),
              [&](int i) -> const google::protobuf::Message& { return read.at(message, i); },
              visit);
        } else if constexpr (std::is_same_v<Reader, ReadTexts> ||
                             std::is_same_v<Reader, ReadIntegers> ||
                             std::is_same_v<Reader, ReadNet4s> ||
                             std::is_same_v<Reader, ReadNet6s>) {
          const auto& items = read(message);
          return AnyItem(
              step, items.size(), [&](int i) -> const auto& { return items.Get(i); }, visit);
        } else {
          if (step.index != idea::Path::Index::kNone) return false;
          const auto value = read(message);
          return value ? visit(*value) : false;
        }
      },
      step.reader);
}

template <typename Visit>
bool AnyFromStep(const FieldPath& path, size_t step, const google::protobuf::Message& message,
                 const Visit& visit) {
  if (step + 1 == path.steps.size()) return AnyValue(path.steps[step], message, visit);
  return AnyValue(path.steps[step], message, [&](const auto& value) {
    if constexpr (std::is_base_of_v<google::protobuf::Message, std::decay_t<decltype(value)>>) {
      return AnyFromStep(path, step + 1, static_cast<const google::protobuf::Message&>(value),
                         visit);
    } else {
      return false;
    }
  });
}

}  // namespace internal

// Calls `visit` for all values at the path, until it returns true. It is given texts, whole numbers
// (also times, durations and booleans), floats, addresses of both kinds, or objects, each as the
// reader of the field says.
template <typename Visit>
bool AnyAtPath(const FieldPath& path, const idea::v1::Event& event, const Visit& visit) {
  return internal::AnyFromStep(path, 0, event, visit);
}

}  // namespace mentat::filter

#endif  // COMMON_FILTER_FIELD_PATH_H_
