#include "tools/mentatctl/message_json.h"

#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "nlohmann/json.hpp"

namespace mentat::mentatctl {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using nlohmann::ordered_json;

template <typename T>
bool Is(const Descriptor* descriptor) {
  return descriptor == T::descriptor();
}

// `STATE_READY` of the enumeration State is `ready`.
std::string EnumeratorName(const EnumValueDescriptor& value) {
  std::string prefix;
  for (const char c : value.type()->name()) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(static_cast<unsigned char>(c));
  }
  prefix += '_';
  const std::string& name = value.name();
  return absl::AsciiStrToLower(name.starts_with(prefix) ? name.substr(prefix.size()) : name);
}

ordered_json MessageValue(const Message& message) {
  if (Is<google::protobuf::Timestamp>(message.GetDescriptor())) {
    const auto& time = static_cast<const google::protobuf::Timestamp&>(message);
    return absl::FormatTime(absl::RFC3339_full,
                            absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                            absl::UTCTimeZone());
  }
  if (Is<google::protobuf::Duration>(message.GetDescriptor())) {
    const auto& duration = static_cast<const google::protobuf::Duration&>(message);
    return static_cast<double>(duration.seconds()) + duration.nanos() / 1e9;
  }
  return ToJson(message);
}

// The value of a field, or, with an index, one of its values.
class Field {
 public:
  Field(const Message& message, const FieldDescriptor& field)
      : message_(message), reflection_(*message.GetReflection()), field_(field) {}

  ordered_json Single() const {
    switch (field_.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return reflection_.GetInt32(message_, &field_);
      case FieldDescriptor::CPPTYPE_INT64:
        return reflection_.GetInt64(message_, &field_);
      case FieldDescriptor::CPPTYPE_UINT32:
        return reflection_.GetUInt32(message_, &field_);
      case FieldDescriptor::CPPTYPE_UINT64:
        return reflection_.GetUInt64(message_, &field_);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return reflection_.GetDouble(message_, &field_);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return reflection_.GetFloat(message_, &field_);
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection_.GetBool(message_, &field_);
      case FieldDescriptor::CPPTYPE_ENUM:
        return EnumeratorName(*reflection_.GetEnum(message_, &field_));
      case FieldDescriptor::CPPTYPE_STRING:
        return reflection_.GetString(message_, &field_);
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (!reflection_.HasField(message_, &field_)) return nullptr;
        return MessageValue(reflection_.GetMessage(message_, &field_));
    }
    return nullptr;
  }

  // Messages, texts and numbers, which is what answers repeat.
  ordered_json At(int index) const {
    switch (field_.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return reflection_.GetRepeatedString(message_, &field_, index);
      case FieldDescriptor::CPPTYPE_UINT32:
        return reflection_.GetRepeatedUInt32(message_, &field_, index);
      case FieldDescriptor::CPPTYPE_UINT64:
        return reflection_.GetRepeatedUInt64(message_, &field_, index);
      case FieldDescriptor::CPPTYPE_INT32:
        return reflection_.GetRepeatedInt32(message_, &field_, index);
      case FieldDescriptor::CPPTYPE_INT64:
        return reflection_.GetRepeatedInt64(message_, &field_, index);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return reflection_.GetRepeatedDouble(message_, &field_, index);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return reflection_.GetRepeatedFloat(message_, &field_, index);
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection_.GetRepeatedBool(message_, &field_, index);
      case FieldDescriptor::CPPTYPE_ENUM:
        return EnumeratorName(*reflection_.GetRepeatedEnum(message_, &field_, index));
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return MessageValue(reflection_.GetRepeatedMessage(message_, &field_, index));
    }
    return nullptr;
  }

  ordered_json All() const {
    ordered_json all = field_.is_map() ? ordered_json::object() : ordered_json::array();
    for (int i = 0; i < reflection_.FieldSize(message_, &field_); ++i) {
      if (field_.is_map()) {
        const Message& entry = reflection_.GetRepeatedMessage(message_, &field_, i);
        const ordered_json key = Field(entry, *field_.message_type()->map_key()).Single();
        all[key.is_string() ? key.get<std::string>() : key.dump()] =
            Field(entry, *field_.message_type()->map_value()).Single();
      } else {
        all.push_back(At(i));
      }
    }
    return all;
  }

 private:
  const Message& message_;
  const Reflection& reflection_;
  const FieldDescriptor& field_;
};

std::string KeyOf(const FieldDescriptor& field) {
  const bool is_duration =
      field.message_type() != nullptr && Is<google::protobuf::Duration>(field.message_type());
  return is_duration ? field.name() + "_seconds" : field.name();
}

}  // namespace

ordered_json ToJson(const Message& message) {
  ordered_json json = ordered_json::object();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    const Field value(message, field);
    json[KeyOf(field)] = field.is_repeated() ? value.All() : value.Single();
  }
  return json;
}

std::string PrintableJson(std::string_view json) {
  std::string text;
  text.reserve(json.size());
  for (size_t i = 0; i < json.size(); ++i) {
    const auto c = static_cast<unsigned char>(json[i]);
    const unsigned char next = i + 1 < json.size() ? static_cast<unsigned char>(json[i + 1]) : 0;
    if (c == 0x7f) {
      text += "\\u007f";
    } else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
      absl::StrAppendFormat(&text, "\\u%04x", next);
      ++i;
    } else {
      text += json[i];
    }
  }
  return text;
}

std::string JsonText(const ordered_json& json) {
  return PrintableJson(json.dump(2, ' ', false, ordered_json::error_handler_t::replace)) + "\n";
}

std::string JsonLine(const ordered_json& json) {
  return PrintableJson(json.dump(-1, ' ', false, ordered_json::error_handler_t::replace)) + "\n";
}

}  // namespace mentat::mentatctl
