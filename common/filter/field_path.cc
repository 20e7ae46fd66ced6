#include "common/filter/field_path.h"

namespace mentat::filter {

std::optional<FieldPath> Resolve(const EventPath& path) {
  if (path.leaf() == nullptr) return std::nullopt;
  return ResolveFirst(path, path.chunks().size());
}

std::optional<FieldPath> ResolveFirst(const EventPath& path, size_t keys) {
  FieldPath resolved;
  for (size_t i = 0; i < keys; ++i) {
    const FieldReader* reader = FindReader(*path.fields()[i]);
    if (reader == nullptr) return std::nullopt;
    resolved.steps.push_back({*reader, path.chunks()[i].index, path.chunks()[i].number});
  }
  return resolved;
}

}  // namespace mentat::filter
