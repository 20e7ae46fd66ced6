#include "common/filter/fields.h"

#include <map>
#include <utility>

#include "google/protobuf/descriptor.h"

namespace mentat::filter {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
namespace v1 = idea::v1;

using Readers = std::map<const FieldDescriptor*, FieldReader>;

template <typename M>
const M& As(const Message& message) {
  return static_cast<const M&>(message);
}

template <typename M>
Readers::value_type Entry(const char* field, FieldReader reader) {
  return {M::descriptor()->FindFieldByName(field), reader};
}

#define READER(type, Kind, M, field, expression) \
  Entry<v1::M>(#field, Kind(+[](const Message& m) -> type { return expression; }))
#define TEXT(M, field)                           \
  READER(const std::string*, ReadText, M, field, \
         As<v1::M>(m).has_##field() ? &As<v1::M>(m).field() : nullptr)
#define TEXTS(M, field)                                                               \
  READER(const google::protobuf::RepeatedPtrField<std::string>&, ReadTexts, M, field, \
         As<v1::M>(m).field())
#define INTEGER(M, field)                               \
  READER(std::optional<int64_t>, ReadInteger, M, field, \
         As<v1::M>(m).has_##field() ? std::optional<int64_t>(As<v1::M>(m).field()) : std::nullopt)
#define INTEGERS(M, field)                                                        \
  READER(const google::protobuf::RepeatedField<int64_t>&, ReadIntegers, M, field, \
         As<v1::M>(m).field())
#define FLOAT(M, field)                              \
  READER(std::optional<double>, ReadFloat, M, field, \
         As<v1::M>(m).has_##field() ? std::optional<double>(As<v1::M>(m).field()) : std::nullopt)
#define NET4S(M, field)                                                            \
  READER(const google::protobuf::RepeatedPtrField<v1::Net4>&, ReadNet4s, M, field, \
         As<v1::M>(m).field())
#define NET6S(M, field)                                                            \
  READER(const google::protobuf::RepeatedPtrField<v1::Net6>&, ReadNet6s, M, field, \
         As<v1::M>(m).field())
#define OBJECT(M, field)                       \
  READER(const Message*, ReadObject, M, field, \
         As<v1::M>(m).has_##field() ? &As<v1::M>(m).field() : nullptr)
#define OBJECTS(M, field)                                                                        \
  Entry<v1::M>(#field, ReadObjects{[](const Message& m) { return As<v1::M>(m).field##_size(); }, \
                                   [](const Message& m, int i) -> const Message& {               \
                                     return As<v1::M>(m).field(i);                               \
                                   }})

// One line a field; a test compares them with the descriptors.
Readers MakeReaders() {
  return {
      TEXT(Event, format),
      TEXT(Event, id),
      TEXTS(Event, alt_names),
      TEXTS(Event, correl_id),
      TEXTS(Event, aggr_id),
      TEXTS(Event, pred_id),
      TEXTS(Event, rel_id),
      INTEGER(Event, create_time),
      INTEGER(Event, detect_time),
      INTEGER(Event, event_time),
      INTEGER(Event, cease_time),
      INTEGER(Event, win_start_time),
      INTEGER(Event, win_end_time),
      INTEGER(Event, conn_count),
      INTEGER(Event, flow_count),
      INTEGER(Event, packet_count),
      INTEGER(Event, byte_count),
      TEXTS(Event, category),
      TEXTS(Event, ref),
      FLOAT(Event, confidence),
      TEXT(Event, description),
      TEXT(Event, note),
      OBJECTS(Event, source),
      OBJECTS(Event, target),
      OBJECTS(Event, attach),
      OBJECTS(Event, node),
      INTEGER(Event, ts),
      INTEGER(Event, ts_u),
      OBJECT(Event, mentat),
      OBJECT(Event, cesnet),
      TEXTS(SourceTarget, type),
      TEXTS(SourceTarget, hostname),
      NET4S(SourceTarget, ip4),
      NET6S(SourceTarget, ip6),
      TEXTS(SourceTarget, mac),
      INTEGERS(SourceTarget, port),
      TEXTS(SourceTarget, proto),
      TEXTS(SourceTarget, url),
      TEXTS(SourceTarget, email),
      TEXTS(SourceTarget, attach_hand),
      TEXT(SourceTarget, note),
      INTEGER(SourceTarget, spoofed),
      INTEGER(SourceTarget, imprecise),
      INTEGER(SourceTarget, anonymised),
      INTEGERS(SourceTarget, asn),
      TEXTS(SourceTarget, router),
      TEXTS(SourceTarget, netname),
      TEXTS(SourceTarget, ref),
      TEXT(Attach, handle),
      TEXTS(Attach, file_name),
      TEXTS(Attach, type),
      TEXTS(Attach, hash),
      INTEGER(Attach, size),
      TEXTS(Attach, ref),
      TEXT(Attach, note),
      TEXT(Attach, content_type),
      TEXT(Attach, content_charset),
      TEXT(Attach, content_encoding),
      TEXT(Attach, content),
      TEXTS(Attach, content_id),
      TEXTS(Attach, external_uri),
      TEXT(Node, name),
      TEXTS(Node, type),
      TEXTS(Node, sw),
      INTEGER(Node, aggr_win),
      TEXT(Node, note),
      TEXTS(Annotations, inspection_errors),
      INTEGER(Annotations, storage_time),
      TEXT(Annotations, event_template),
      TEXT(Annotations, event_class),
      TEXTS(Annotations, event_subclass),
      TEXT(Annotations, event_severity),
      TEXT(Annotations, target_class),
      TEXTS(Annotations, target_subclass),
      TEXT(Annotations, target_severity),
      INTEGER(Annotations, shadow_reporting),
      INTEGER(Annotations, shadow_reporting_target),
      TEXTS(Annotations, resolved_abuses),
      TEXTS(Annotations, target_abuses),
      INTEGERS(Annotations, source_resolved_asn),
      TEXTS(Annotations, source_resolved_country),
      TEXT(Annotations, impact),
  };
}

}  // namespace

const FieldReader* FindReader(const FieldDescriptor& field) {
  static const Readers* const readers = new Readers(MakeReaders());
  const auto found = readers->find(&field);
  return found == readers->end() ? nullptr : &found->second;
}

ReadUnknown FindUnknownReader(const google::protobuf::Descriptor& message) {
#define UNKNOWN(M)                                                                         \
  if (&message == v1::M::descriptor()) {                                                   \
    return [](const Message& m) -> const google::protobuf::RepeatedPtrField<v1::Member>& { \
      return As<v1::M>(m).unknown();                                                       \
    };                                                                                     \
  }
  UNKNOWN(Event)
  UNKNOWN(SourceTarget)
  UNKNOWN(Attach)
  UNKNOWN(Node)
  UNKNOWN(Annotations)
#undef UNKNOWN
  return nullptr;
}

}  // namespace mentat::filter
