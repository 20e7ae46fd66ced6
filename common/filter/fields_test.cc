#include "common/filter/fields.h"

#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "mentat/idea/v1/options.pb.h"

namespace mentat::filter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Sets the field to something, one item if it is a list.
void Fill(Message* message, const FieldDescriptor* field) {
  const Reflection* reflection = message->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      field->is_repeated() ? reflection->AddString(message, field, "text")
                           : reflection->SetString(message, field, "text");
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      field->is_repeated() ? reflection->AddInt64(message, field, 7)
                           : reflection->SetInt64(message, field, 7);
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      reflection->SetBool(message, field, true);
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      reflection->SetDouble(message, field, 0.5);
      break;
    default:
      field->is_repeated() ? reflection->AddMessage(message, field)
                           : reflection->MutableMessage(message, field);
  }
}

// Whether the reader reads the one value that Fill() sets.
struct Reads {
  const Message& message;

  bool operator()(ReadText read) const { return read(message) && *read(message) == "text"; }
  bool operator()(ReadTexts read) const {
    return read(message).size() == 1 && read(message)[0] == "text";
  }
  bool operator()(ReadInteger read) const { return read(message).value_or(0) != 0; }
  bool operator()(ReadIntegers read) const {
    return read(message).size() == 1 && read(message)[0] == 7;
  }
  bool operator()(ReadFloat read) const { return read(message) == 0.5; }
  bool operator()(ReadNet4s read) const { return read(message).size() == 1; }
  bool operator()(ReadNet6s read) const { return read(message).size() == 1; }
  bool operator()(ReadObject read) const { return read(message) != nullptr; }
  bool operator()(const ReadObjects& read) const { return read.size(message) == 1; }
};

template <typename M>
void Check() {
  const Descriptor* descriptor = M::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    SCOPED_TRACE(field->full_name());
    const FieldReader* reader = FindReader(*field);
    if (field->options().GetExtension(idea::v1::idea_type) == idea::v1::IDEA_TYPE_UNKNOWN_KEYS) {
      EXPECT_EQ(reader, nullptr);
      continue;
    }
    ASSERT_NE(reader, nullptr);
    M message;
    EXPECT_FALSE(std::visit(Reads{message}, *reader));
    Fill(&message, field);
    EXPECT_TRUE(std::visit(Reads{message}, *reader));
  }
}

TEST(FieldsTest, EveryFieldHasItsReader) {
  Check<idea::v1::Event>();
  Check<idea::v1::SourceTarget>();
  Check<idea::v1::Attach>();
  Check<idea::v1::Node>();
  Check<idea::v1::Annotations>();
}

}  // namespace
}  // namespace mentat::filter
