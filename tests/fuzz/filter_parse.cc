// The text of a rule: what is parsed is printed as a text that parses as the same, and compiles or
// is refused with a place.
#include <cstdint>
#include <string>
#include <string_view>

#include "common/filter/ast.h"
#include "common/filter/filter.h"
#include "common/filter/format.h"
#include "common/filter/parser.h"
#include "tests/fuzz/require.h"

namespace filter = mentat::filter;
using mentat::fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const filter::Limits limits;
  const auto parsed = filter::Parse(text, limits);
  if (!parsed.ok()) {
    Require(!filter::Filter::Compile(text).ok(), "what does not parse does not compile");
    return 0;
  }
  const std::string printed = filter::Print(parsed->ast, parsed->ast.root);
  const auto again = filter::Parse(printed, limits);
  Require(again.ok(), "what was printed parses", printed + "\n" + again.status().ToString());
  Require(filter::Print(again->ast, again->ast.root) == printed,
          "what was printed is printed the same again", printed);

  if (const auto laid_out = filter::FormatRule(text); laid_out.ok()) {
    const auto parsed_form = filter::Parse(*laid_out, limits);
    Require(parsed_form.ok() && filter::Print(parsed_form->ast, parsed_form->ast.root) == printed,
            "what was laid out parses as the text did", *laid_out);
    const auto twice = filter::FormatRule(*laid_out);
    Require(twice.ok() && *twice == *laid_out, "what was laid out stays as it is", *laid_out);
  }

  const bool compiles = filter::Filter::Compile(text).ok();
  const auto second = filter::Filter::Compile(printed);
  Require(second.ok() == compiles, "what was printed compiles as the text did",
          printed + "\n" + second.status().ToString());
  // The result does not matter, only that there is one.
  filter::RawFilter::Compile(text).status().IgnoreError();
  return 0;
}
