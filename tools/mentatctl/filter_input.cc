#include "tools/mentatctl/filter_input.h"

#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/filter/explain.h"
#include "common/filter/filter.h"
#include "common/filter/format.h"
#include "common/idea/json_reader.h"
#include "mentat/idea/v1/event.pb.h"
#include "tools/mentatctl/lines.h"

namespace mentat::mentatctl {
namespace {

using filter::Filter;
using filter::RawFilter;
using Output = FilterOptions::Output;

// A filter of either form of the language, compiled or not.
using AnyFilter = std::variant<absl::StatusOr<Filter>, absl::StatusOr<RawFilter>>;

AnyFilter Compile(std::string_view expression, bool raw, const filter::Limits& limits) {
  if (raw) return RawFilter::Compile(expression, limits);
  return Filter::Compile(expression, limits);
}

absl::Status StatusOf(const AnyFilter& any) {
  return std::visit([](const auto& filter) { return filter.status(); }, any);
}

idea::v1::Value Text(std::string text) {
  idea::v1::Value value;
  value.set_text(std::move(text));
  return value;
}

bool HasKey(const idea::v1::Object& object, std::string_view key) {
  for (const idea::v1::Member& member : object.members()) {
    if (member.key() == key) return true;
  }
  return false;
}

// An event whose mandatory keys may be missing: they are made up for the codec, and taken out
// again.
bool ParseLenient(const std::string& json, const idea::Limits& limits, idea::v1::Event* event,
                  std::vector<idea::Problem>* problems) {
  if (idea::ParseEvent(json, limits, event, problems)) return true;
  absl::StatusOr<idea::v1::Value> value = idea::ParseValue(json, limits);
  if (!value.ok() || !value->has_object()) return false;

  bool completed = false;
  const auto complete = [&](const char* key, const idea::v1::Value& substitute) {
    if (HasKey(value->object(), key)) return false;
    idea::v1::Member* member = value->mutable_object()->add_members();
    member->set_key(key);
    *member->mutable_value() = substitute;
    completed = true;
    return true;
  };
  idea::v1::Value list;
  list.mutable_list();
  const bool without_format = complete("Format", Text("IDEA0"));
  const bool without_id = complete("ID", Text("none"));
  const bool without_time = complete("DetectTime", Text("1970-01-01T00:00:00Z"));
  complete("Category", list);
  if (!completed) return false;
  problems->clear();
  if (!idea::ParseEvent(idea::PrintValue(*value), limits, event, problems)) return false;
  if (without_format) event->clear_format();
  if (without_id) event->clear_id();
  if (without_time) event->clear_detect_time();
  return true;
}

std::string ErrorLine(std::string_view stage, std::string_view message) {
  std::string line = "{\"error\":{\"stage\":";
  idea::AppendJsonText(stage, &line);
  line += ",\"message\":";
  idea::AppendJsonText(message, &line);
  return line + "}}\n";
}

// A status of the filter library: `STAGE: line L, column C: …`, then the lines with the caret.
std::string ErrorLine(const absl::Status& status) {
  std::string_view message(status.message().data(), status.message().size());
  const size_t colon = message.find(": ");
  if (colon == std::string_view::npos) return ErrorLine("eval", message);
  const std::string_view stage = message.substr(0, colon);
  message.remove_prefix(colon + 2);
  return ErrorLine(stage, message.substr(0, message.find('\n')));
}

std::string ValueLine(const absl::StatusOr<filter::Value>& value) {
  if (!value.ok()) return ErrorLine(value.status());
  return "{\"value\":" + ToJson(*value) + ",\"truth\":" + (value->Truth() ? "true" : "false") +
         "}\n";
}

// The document of a line in the form that the filter takes.
class Document {
 public:
  // Nothing if it cannot be read; then `error` says why.
  static std::optional<Document> Read(const std::string& json, bool raw, const idea::Limits& limits,
                                      std::string* error) {
    Document document;
    if (raw) {
      absl::StatusOr<idea::v1::Value> value = idea::ParseValue(json, limits);
      if (value.ok()) {
        document.value_ = *std::move(value);
        return document;
      }
      *error = std::string(value.status().message());
      return std::nullopt;
    }
    std::vector<idea::Problem> problems;
    if (ParseLenient(json, limits, &document.event_, &problems)) return document;
    *error = idea::Describe(problems);
    return std::nullopt;
  }

  // With the compiled filter of the same form.
  absl::StatusOr<filter::Value> Evaluate(const AnyFilter& any) const {
    if (const auto* raw = std::get_if<absl::StatusOr<RawFilter>>(&any)) {
      return (*raw)->Evaluate(value_);
    }
    return std::get<absl::StatusOr<Filter>>(any)->Evaluate(event_);
  }
  absl::StatusOr<bool> Matches(const AnyFilter& any) const {
    if (const auto* raw = std::get_if<absl::StatusOr<RawFilter>>(&any)) {
      return (*raw)->Matches(value_);
    }
    return std::get<absl::StatusOr<Filter>>(any)->Matches(event_);
  }
  filter::Explanation Explain(const AnyFilter& any) const {
    if (const auto* raw = std::get_if<absl::StatusOr<RawFilter>>(&any)) {
      return (*raw)->Explain(value_);
    }
    return std::get<absl::StatusOr<Filter>>(any)->Explain(event_);
  }

 private:
  idea::v1::Event event_;
  idea::v1::Value value_;
};

void PrintWarnings(const AnyFilter& any, std::string_view expression, std::ostream& err) {
  std::visit(
      [&](const auto& filter) {
        for (const filter::Diagnostic& warning : filter->warnings()) {
          err << "warning: " << warning.Format(expression) << "\n";
        }
      },
      any);
}

std::string TooLong(size_t max_bytes) {
  return "the line has more than " + std::to_string(max_bytes) + " bytes";
}

// Events, and one expression.
class Events {
 public:
  Events(const FilterOptions& options, std::ostream& out, std::ostream& err)
      : options_(options),
        out_(out),
        err_(err),
        filter_(Compile(options.expression, options.raw, options.filter_limits)) {}

  int Run(std::istream& in) {
    const absl::Status status = StatusOf(filter_);
    if (status.ok()) {
      PrintWarnings(filter_, options_.expression, err_);
    } else if (options_.output != Output::kValue) {
      err_ << status.message() << "\n";
      return 2;
    }
    std::string line;
    const size_t max_bytes = options_.event_limits.max_bytes;
    for (Line read; (read = ReadLine(in, max_bytes, &line)) != Line::kNone && out_.good();) {
      ++number_;
      if (read == Line::kTooLong) {
        Report(TooLong(max_bytes));
      } else if (!IsBlank(line)) {
        Look(line);
      }
    }
    if (options_.output == Output::kCount) out_ << count_ << "\n";
    out_.flush();
    return out_.good() ? status_ : 1;
  }

 private:
  void Look(const std::string& line) {
    if (!StatusOf(filter_).ok()) {
      out_ << ErrorLine(StatusOf(filter_));
      return;
    }
    std::string error;
    const std::optional<Document> document =
        Document::Read(line, options_.raw, options_.event_limits, &error);
    if (!document) {
      Report(error);
    } else if (options_.output == Output::kValue) {
      out_ << ValueLine(document->Evaluate(filter_));
    } else if (options_.output == Output::kExplain) {
      out_ << "event " << number_ << "\n" << filter::Format(document->Explain(filter_));
    } else {
      const absl::StatusOr<bool> matches = document->Matches(filter_);
      if (!matches.ok()) {
        Report({matches.status().message().data(), matches.status().message().size()});
      } else if (*matches) {
        ++count_;
        if (options_.output == Output::kEvents) out_ << line << "\n";
      }
    }
  }

  // What is wrong with the event of this line.
  void Report(std::string_view message) {
    status_ = 1;
    if (options_.output == Output::kValue) {
      out_ << ErrorLine("event", message);
    } else {
      err_ << "event " << number_ << ": " << message << "\n";
    }
  }

  const FilterOptions& options_;
  std::ostream& out_;
  std::ostream& err_;
  const AnyFilter filter_;
  size_t number_ = 0;
  size_t count_ = 0;
  int status_ = 0;
};

const idea::v1::Value* Find(const idea::v1::Value& object, std::string_view key) {
  for (const idea::v1::Member& member : object.object().members()) {
    if (member.key() == key) return &member.value();
  }
  return nullptr;
}

// The result of a line of --cases; `readable` is cleared if it is none.
std::string RunCase(const std::string& line, const FilterOptions& options, bool* readable) {
  const absl::StatusOr<idea::v1::Value> parsed = idea::ParseValue(line, options.event_limits);
  const bool is_object = parsed.ok() && parsed->has_object();
  const idea::v1::Value* expression = is_object ? Find(*parsed, "expr") : nullptr;
  const idea::v1::Value* event = is_object ? Find(*parsed, "event") : nullptr;
  const idea::v1::Value* flag = is_object ? Find(*parsed, "raw") : nullptr;
  if (expression == nullptr || !expression->has_text() || event == nullptr ||
      (flag != nullptr && !flag->has_boolean())) {
    *readable = false;
    return ErrorLine("case", parsed.ok()
                                 ? R"(expected {"expr": a text, "event": an object, "raw": false})"
                                 : std::string(parsed.status().message()));
  }
  const bool raw = flag != nullptr && flag->boolean();
  const AnyFilter any = Compile(expression->text(), raw, options.filter_limits);
  if (const absl::Status status = StatusOf(any); !status.ok()) return ErrorLine(status);
  std::string error;
  const std::optional<Document> document =
      Document::Read(idea::PrintValue(*event), raw, options.event_limits, &error);
  if (!document) {
    *readable = false;
    return ErrorLine("event", error);
  }
  return ValueLine(document->Evaluate(any));
}

int RunCases(const FilterOptions& options, std::istream& in, std::ostream& out) {
  int status = 0;
  std::string line;
  const size_t max_bytes = options.event_limits.max_bytes;
  for (Line read; (read = ReadLine(in, max_bytes, &line)) != Line::kNone && out.good();) {
    bool readable = true;
    if (read == Line::kTooLong) {
      readable = false;
      out << ErrorLine("case", TooLong(max_bytes));
    } else if (!IsBlank(line)) {
      out << RunCase(line, options, &readable);
    }
    if (!readable) status = 1;
  }
  out.flush();
  return out.good() ? status : 1;
}

// The text of the input, a byte more than a rule may have at most.
std::string ReadRule(std::istream& in, size_t max_bytes) {
  std::string text(max_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

int PrintFormatted(const FilterOptions& options, std::istream& in, std::ostream& out,
                   std::ostream& err) {
  const std::string text = options.expression.empty()
                               ? ReadRule(in, options.filter_limits.max_bytes)
                               : options.expression;
  const AnyFilter any = Compile(text, options.raw, options.filter_limits);
  if (const absl::Status status = StatusOf(any); !status.ok()) {
    err << status.message() << "\n";
    return 2;
  }
  const absl::StatusOr<std::string> formatted = filter::FormatRule(text, options.filter_limits);
  if (!formatted.ok()) {
    err << formatted.status().message() << "\n";
    return 2;
  }
  PrintWarnings(any, text, err);
  out << *formatted << "\n";
  out.flush();
  return out.good() ? 0 : 1;
}

}  // namespace

int FilterInput(const FilterOptions& options, std::istream& in, std::ostream& out,
                std::ostream& err) {
  if (options.output == Output::kFormat) return PrintFormatted(options, in, out, err);
  if (options.cases) return RunCases(options, in, out);
  return Events(options, out, err).Run(in);
}

}  // namespace mentat::mentatctl
