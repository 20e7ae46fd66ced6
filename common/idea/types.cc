#include "common/idea/types.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/charconv.h"
#include "common/idea/address.h"
#include "common/idea/decimal.h"
#include "common/idea/syntax.h"
#include "common/idea/time.h"

namespace mentat::idea {
namespace {

using google::protobuf::Message;
using Kind = JsonReader::Kind;
using Verdict = Reading::Verdict;

constexpr int64_t kMicrosPerSecond = 1'000'000;

Reading Refused(std::string note = "") { return {Verdict::kRefused, std::move(note)}; }
Reading Generously(std::string_view note) {
  return {Verdict::kStoredGenerously, std::string(note)};
}

// ---- Storing: sets a singular field, appends to a repeated one.

void StoreText(std::string_view text, const Slot& slot, Message* message) {
  if (slot.field->is_repeated()) {
    slot.reflection->AddString(message, slot.field, std::string(text));
  } else {
    slot.reflection->SetString(message, slot.field, std::string(text));
  }
}

void StoreInteger(int64_t number, const Slot& slot, Message* message) {
  if (slot.field->is_repeated()) {
    slot.reflection->AddInt64(message, slot.field, number);
  } else {
    slot.reflection->SetInt64(message, slot.field, number);
  }
}

int64_t StoredInteger(const Message& message, const Slot& slot, int index) {
  return slot.field->is_repeated() ? slot.reflection->GetRepeatedInt64(message, slot.field, index)
                                   : slot.reflection->GetInt64(message, slot.field);
}

template <typename Net>
void StoreNet(Net net, const Slot& slot, Message* message) {
  Message* const stored = slot.field->is_repeated()
                              ? slot.reflection->AddMessage(message, slot.field)
                              : slot.reflection->MutableMessage(message, slot.field);
  *static_cast<Net*>(stored) = std::move(net);
}

template <typename Net>
const Net& StoredNet(const Message& message, const Slot& slot, int index) {
  return static_cast<const Net&>(
      slot.field->is_repeated() ? slot.reflection->GetRepeatedMessage(message, slot.field, index)
                                : slot.reflection->GetMessage(message, slot.field));
}

// ---- Numbers.

double ParseDouble(std::string_view literal) {
  double number = 0;
  // Out of range gives the nearest number there is, which is what the checks want.
  absl::from_chars(literal.data(), literal.data() + literal.size(), number);
  return number;
}

// A number of seconds as microseconds, what is below cut off; nothing beyond 64 bits.
std::optional<int64_t> SecondsToMicros(std::string_view literal) {
  const std::optional<ScaledDecimal> micros = ReadDecimal(literal, 6);
  return micros ? std::optional(micros->value) : std::nullopt;
}

// Whether the scalar is a number or a text that looks like one.
bool IsNumeric(const Scalar& scalar) {
  return scalar.kind == Kind::kNumber || (scalar.kind == Kind::kText && IsJsonNumber(scalar.text));
}

// ---- Reading: one function for each way to store.

Reading ReadText(const Type& type, const Scalar& scalar, const Slot& slot, Message* message) {
  if (scalar.kind != Kind::kText || !type.matches(scalar.text)) return Refused();
  StoreText(scalar.text, slot, message);
  return {};
}

Reading ReadEncoding(const Type& type, const Scalar& scalar, const Slot& slot, Message* message) {
  if (scalar.kind != Kind::kText) return Refused();
  std::string lower(scalar.text);
  absl::AsciiStrToLower(&lower);
  if (!type.matches(lower)) return Refused();
  StoreText(lower, slot, message);
  return lower == scalar.text ? Reading{} : Generously("read in lower case");
}

Reading ReadTimestamp(const Type&, const Scalar& scalar, const Slot& slot, Message* message) {
  if (IsNumeric(scalar)) {
    const std::optional<int64_t> micros = SecondsToMicros(scalar.text);
    if (!micros || !IsTimestamp(*micros)) return Refused("outside of the years 1 to 9999");
    StoreInteger(*micros, slot, message);
    return Generously("read as Unix seconds");
  }
  if (scalar.kind != Kind::kText) return Refused();
  bool has_zone = false;
  const absl::StatusOr<int64_t> micros = ParseTimestamp(scalar.text, &has_zone);
  if (!micros.ok()) return Refused(std::string(micros.status().message()));
  StoreInteger(*micros, slot, message);
  return has_zone ? Reading{} : Generously("read as UTC, since it has no zone");
}

Reading ReadDuration(const Type&, const Scalar& scalar, const Slot& slot, Message* message) {
  if (IsNumeric(scalar)) {
    const std::optional<int64_t> micros = SecondsToMicros(scalar.text);
    if (!micros) return Refused("too long");
    if (*micros < 0) return Refused("negative");
    StoreInteger(*micros, slot, message);
    return Generously("read as seconds");
  }
  if (scalar.kind != Kind::kText) return Refused();
  const absl::StatusOr<int64_t> micros = ParseDuration(scalar.text);
  if (!micros.ok()) return Refused(std::string(micros.status().message()));
  StoreInteger(*micros, slot, message);
  return {};
}

Reading ReadNet4(const Type&, const Scalar& scalar, const Slot& slot, Message* message) {
  if (scalar.kind != Kind::kText) return Refused();
  absl::StatusOr<v1::Net4> net = ParseNet4(scalar.text);
  if (!net.ok()) return Refused();
  StoreNet(*std::move(net), slot, message);
  return {};
}

Reading ReadNet6(const Type&, const Scalar& scalar, const Slot& slot, Message* message) {
  if (scalar.kind != Kind::kText) return Refused();
  absl::StatusOr<v1::Net6> net = ParseNet6(scalar.text);
  if (!net.ok()) return Refused();
  StoreNet(*std::move(net), slot, message);
  return {};
}

Reading ReadInteger(const Type&, const Scalar& scalar, const Slot& slot, Message* message) {
  if (scalar.kind != Kind::kNumber && scalar.kind != Kind::kText) return Refused();
  const bool is_text = scalar.kind == Kind::kText;
  std::string_view digits = scalar.text;
  if (is_text && digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
  int64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (stop == end && error == std::errc()) {
    StoreInteger(number, slot, message);
    return is_text ? Generously("read as a number") : Reading{};
  }
  if (is_text) return Refused(stop == end && !digits.empty() ? "beyond 64 bits" : "");
  if (stop == end) return {Verdict::kTooLarge, "beyond 64 bits"};
  // A fraction or an exponent, which may be a whole number none the less: 22.0, 1e3.
  const std::optional<ScaledDecimal> whole = ReadDecimal(scalar.text, 0);
  if (!whole) return Refused("beyond 64 bits");
  if (!whole->exact) return Refused();
  StoreInteger(whole->value, slot, message);
  return Generously("read as a whole number");
}

Reading ReadBoolean(const Type&, const Scalar& scalar, const Slot& slot, Message* message) {
  if (scalar.kind != Kind::kTrue && scalar.kind != Kind::kFalse) return Refused();
  if (slot.field->is_repeated()) {
    slot.reflection->AddBool(message, slot.field, scalar.kind == Kind::kTrue);
  } else {
    slot.reflection->SetBool(message, slot.field, scalar.kind == Kind::kTrue);
  }
  return {};
}

Reading ReadConfidence(const Type&, const Scalar& scalar, const Slot& slot, Message* message) {
  if (!IsNumeric(scalar)) return Refused();
  double number = ParseDouble(scalar.text);
  if (!(number >= 0 && number <= 1)) return Refused();
  // What rounding alone has brought to an end of the range is outside of it.
  constexpr int kDigits = 18;
  const std::optional<ScaledDecimal> exact = ReadDecimal(scalar.text, kDigits);
  if (exact.has_value() && !exact->exact &&
      (number == 1 ? exact->value >= 1'000'000'000'000'000'000
                   : number == 0 && scalar.text.starts_with('-'))) {
    return Refused();
  }
  if (number == 0) number = 0;  // no negative zero
  if (slot.field->is_repeated()) {
    slot.reflection->AddDouble(message, slot.field, number);
  } else {
    slot.reflection->SetDouble(message, slot.field, number);
  }
  return scalar.kind == Kind::kText ? Generously("read as a number") : Reading{};
}

// ---- Printing.

void AppendQuoted(std::string_view plain, std::string* out) {
  out->append(1, '"').append(plain).append(1, '"');
}

template <typename Number>
void AppendNumber(Number number, std::string* out) {
  std::array<char, 32> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  out->append(text.data(), end);
}

void PrintText(const Message& message, const Slot& slot, int index, std::string* out) {
  std::string scratch;
  AppendJsonText(
      slot.field->is_repeated()
          ? slot.reflection->GetRepeatedStringReference(message, slot.field, index, &scratch)
          : slot.reflection->GetStringReference(message, slot.field, &scratch),
      out);
}

void PrintTimestamp(const Message& message, const Slot& slot, int index, std::string* out) {
  AppendQuoted(FormatTimestamp(StoredInteger(message, slot, index)), out);
}

void PrintDuration(const Message& message, const Slot& slot, int index, std::string* out) {
  AppendQuoted(FormatDuration(StoredInteger(message, slot, index)), out);
}

void PrintNet4(const Message& message, const Slot& slot, int index, std::string* out) {
  AppendQuoted(Print(StoredNet<v1::Net4>(message, slot, index)), out);
}

void PrintNet6(const Message& message, const Slot& slot, int index, std::string* out) {
  AppendQuoted(Print(StoredNet<v1::Net6>(message, slot, index)), out);
}

void PrintInteger(const Message& message, const Slot& slot, int index, std::string* out) {
  AppendNumber(StoredInteger(message, slot, index), out);
}

void PrintBoolean(const Message& message, const Slot& slot, int index, std::string* out) {
  const bool value = slot.field->is_repeated()
                         ? slot.reflection->GetRepeatedBool(message, slot.field, index)
                         : slot.reflection->GetBool(message, slot.field);
  out->append(value ? "true" : "false");
}

void PrintConfidence(const Message& message, const Slot& slot, int index, std::string* out) {
  const double number = slot.field->is_repeated()
                            ? slot.reflection->GetRepeatedDouble(message, slot.field, index)
                            : slot.reflection->GetDouble(message, slot.field);
  // JSON has no text for what ParseEvent() never makes.
  if (!std::isfinite(number)) {
    out->append("null");
    return;
  }
  AppendNumber(number, out);
}

}  // namespace

const Type& TypeOf(v1::IdeaType type) {
  static constexpr Type kNone = {"nothing", nullptr, nullptr, nullptr};
  static constexpr Type kVersion = {"the text \"IDEA0\"", IsVersion, ReadText, PrintText};
  static constexpr Type kId = {"an identifier of letters, digits, '.', '_' and '-'", IsId, ReadText,
                               PrintText};
  static constexpr Type kTimestamp = {"a time as \"2024-03-05T15:52:22Z\"", nullptr, ReadTimestamp,
                                      PrintTimestamp};
  static constexpr Type kDuration = {"a duration as \"00:05:00\" or \"2D00:00:00\"", nullptr,
                                     ReadDuration, PrintDuration};
  static constexpr Type kNet4 = {
      "an IPv4 address \"192.0.2.1\", network \"192.0.2.0/24\" or range \"192.0.2.1-192.0.2.9\"",
      nullptr, ReadNet4, PrintNet4};
  static constexpr Type kNet6 = {
      "an IPv6 address \"2001:db8::1\", network \"2001:db8::/32\" or range "
      "\"2001:db8::1-2001:db8::9\"",
      nullptr, ReadNet6, PrintNet6};
  static constexpr Type kPort = {"a port number", nullptr, ReadInteger, PrintInteger};
  static constexpr Type kInteger = {"a whole number", nullptr, ReadInteger, PrintInteger};
  static constexpr Type kBoolean = {"true or false", nullptr, ReadBoolean, PrintBoolean};
  static constexpr Type kConfidence = {"a number from 0 to 1", nullptr, ReadConfidence,
                                       PrintConfidence};
  static constexpr Type kText = {"a text", IsText, ReadText, PrintText};
  static constexpr Type kEventTag = {
      "a category as \"Recon\" or \"Recon.Scanning\", of letters, digits, '_' and '-'", IsEventTag,
      ReadText, PrintText};
  static constexpr Type kTag = {"a tag of letters, digits, '_' and '-'", IsTag, ReadText,
                                PrintText};
  static constexpr Type kProtocolName = {
      "a protocol name of letters, digits and single '-' within, with a letter", IsProtocolName,
      ReadText, PrintText};
  static constexpr Type kHandle = {
      "a name of letters, digits and '_' that does not begin with a digit", IsHandle, ReadText,
      PrintText};
  static constexpr Type kNsid = {
      "labels of letters, digits, '_' and '-' with dots between, none beginning with '-'", IsNsid,
      ReadText, PrintText};
  static constexpr Type kMac = {"a hardware address as \"00:1a:2b:3c:4d:5e\"", IsMac, ReadText,
                                PrintText};
  static constexpr Type kNetname = {"a network name as \"ripe:EXAMPLE-NET\"", IsSchemeAndRest,
                                    ReadText, PrintText};
  static constexpr Type kHash = {"a checksum as \"sha1:794467071687f7c59d033f4de5ece6b46415b633\"",
                                 IsSchemeAndRest, ReadText, PrintText};
  static constexpr Type kUri = {"a URI as \"https://example.org/\" or \"urn:cve:CVE-2024-3094\"",
                                IsSchemeAndRest, ReadText, PrintText};
  static constexpr Type kMediaType = {"a media type as \"text/plain\", without parameters",
                                      IsMediaType, ReadText, PrintText};
  static constexpr Type kCharset = {"the name of a character set as \"utf-8\"", IsCharset, ReadText,
                                    PrintText};
  static constexpr Type kEncoding = {"the text \"base64\"", IsEncoding, ReadEncoding, PrintText};

  switch (type) {
    case v1::IDEA_TYPE_VERSION:
      return kVersion;
    case v1::IDEA_TYPE_ID:
      return kId;
    case v1::IDEA_TYPE_TIMESTAMP:
      return kTimestamp;
    case v1::IDEA_TYPE_DURATION:
      return kDuration;
    case v1::IDEA_TYPE_NET4:
      return kNet4;
    case v1::IDEA_TYPE_NET6:
      return kNet6;
    case v1::IDEA_TYPE_PORT:
      return kPort;
    case v1::IDEA_TYPE_INTEGER:
      return kInteger;
    case v1::IDEA_TYPE_BOOLEAN:
      return kBoolean;
    case v1::IDEA_TYPE_CONFIDENCE:
      return kConfidence;
    case v1::IDEA_TYPE_TEXT:
      return kText;
    case v1::IDEA_TYPE_EVENT_TAG:
      return kEventTag;
    case v1::IDEA_TYPE_SOURCE_TARGET_TAG:
    case v1::IDEA_TYPE_NODE_TAG:
    case v1::IDEA_TYPE_ATTACHMENT_TAG:
      return kTag;
    case v1::IDEA_TYPE_PROTOCOL_NAME:
      return kProtocolName;
    case v1::IDEA_TYPE_HANDLE:
      return kHandle;
    case v1::IDEA_TYPE_NSID:
      return kNsid;
    case v1::IDEA_TYPE_MAC:
      return kMac;
    case v1::IDEA_TYPE_NETNAME:
      return kNetname;
    case v1::IDEA_TYPE_HASH:
      return kHash;
    case v1::IDEA_TYPE_URI:
      return kUri;
    case v1::IDEA_TYPE_MEDIA_TYPE:
      return kMediaType;
    case v1::IDEA_TYPE_CHARSET:
      return kCharset;
    case v1::IDEA_TYPE_ENCODING:
      return kEncoding;
    default:
      return kNone;
  }
}

}  // namespace mentat::idea
