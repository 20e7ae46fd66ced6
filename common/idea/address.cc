#include "common/idea/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "absl/numeric/bits.h"
#include "absl/status/status.h"

namespace mentat::idea {
namespace {

using absl::uint128;

// The length of a prefix without leading zeros, at most `max`.
std::optional<uint32_t> ParsePrefix(std::string_view text, uint32_t max) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  uint32_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  if (number > max) return std::nullopt;
  return number;
}

std::optional<uint32_t> ParseIp4(std::string_view text) {
  uint32_t address = 0;
  uint32_t octet = 0;
  int digits = 0;  // of the octet so far
  int dots = 0;
  for (const char c : text) {
    if (c == '.') {
      if (digits == 0 || ++dots > 3) return std::nullopt;
      address = address << 8 | octet;
      octet = 0;
      digits = 0;
    } else {
      if (c < '0' || c > '9') return std::nullopt;
      if (digits++ > 0 && octet == 0) return std::nullopt;  // a leading zero
      octet = octet * 10 + static_cast<uint32_t>(c - '0');
      if (octet > 255) return std::nullopt;
    }
  }
  if (dots != 3 || digits == 0) return std::nullopt;
  return address << 8 | octet;
}

std::optional<uint128> ParseIp6(std::string_view text) {
  // inet_pton wants an end mark, which a text from outside may contain.
  std::array<char, INET6_ADDRSTRLEN> buffer;
  if (text.size() >= buffer.size() || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  *std::copy(text.begin(), text.end(), buffer.begin()) = '\0';
  std::array<uint8_t, 16> bytes;
  if (inet_pton(AF_INET6, buffer.data(), bytes.data()) != 1) return std::nullopt;
  uint128 address = 0;
  for (const uint8_t byte : bytes) address = address << 8 | byte;
  return address;
}

// Where the slash of a network or the hyphen of a range is, npos if there is none.
size_t FindMark(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '/' || text[i] == '-') return i;
  }
  return std::string_view::npos;
}

absl::Status NotANet4() {
  return absl::InvalidArgumentError("not an IPv4 address a.b.c.d, network a.b.c.d/0..32 or range");
}

absl::Status NotANet6() {
  return absl::InvalidArgumentError("not an IPv6 address, network address/0..128 or range");
}

uint128 Join(uint64_t high, uint64_t low) { return absl::MakeUint128(high, low); }

// The bits that a prefix of `prefix` of `width` bits leaves free.
uint128 HostMask(int width, uint32_t prefix) {
  const int free = width - std::min<int>(width, static_cast<int>(prefix));
  return free == 128 ? absl::Uint128Max() : (uint128(1) << free) - 1;
}

AddressRange Network(Family family, int width, uint128 address, uint32_t prefix) {
  const uint128 mask = HostMask(width, prefix);
  return {family, address & ~mask, address | mask};
}

std::string PrintIp4(uint32_t address) {
  std::array<char, 16> text;
  char* end = text.data();
  for (int shift = 24; shift >= 0; shift -= 8) {
    end = std::to_chars(end, text.data() + text.size(), address >> shift & 0xff).ptr;
    if (shift > 0) *end++ = '.';
  }
  return std::string(text.data(), end);
}

std::string PrintIp6(uint128 address) {
  // inet_ntop would print an IPv4 address here, RFC 5952 wants that of well-known prefixes alone
  // (section 5).
  if (address > 0xffff && address <= 0xffffffff) {
    const auto low = static_cast<uint32_t>(address);
    return absl::StrCat("::", absl::Hex(low >> 16), ":", absl::Hex(low & 0xffff));
  }
  std::array<uint8_t, 16> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(address >> (8 * (15 - static_cast<int>(i))));
  }
  std::array<char, INET6_ADDRSTRLEN> text;
  inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  return text.data();
}

uint128 First(const v1::Net6& net) { return Join(net.address_high(), net.address_low()); }
uint128 Last(const v1::Net6& net) { return Join(net.last().high(), net.last().low()); }

void SetFirst(uint128 address, v1::Net6* net) {
  net->set_address_high(absl::Uint128High64(address));
  net->set_address_low(absl::Uint128Low64(address));
}

}  // namespace

AddressRange Bounds(const v1::Net4& net) {
  switch (net.form_case()) {
    case v1::Net4::kPrefix:
      return Network(Family::kIp4, 32, net.address(), net.prefix());
    case v1::Net4::kLast:
      return {Family::kIp4, net.address(), net.last()};
    case v1::Net4::FORM_NOT_SET:
      break;
  }
  return {Family::kIp4, net.address(), net.address()};
}

AddressRange Bounds(const v1::Net6& net) {
  const uint128 first = First(net);
  switch (net.form_case()) {
    case v1::Net6::kPrefix:
      return Network(Family::kIp6, 128, first, net.prefix());
    case v1::Net6::kLast:
      return {Family::kIp6, first, Last(net)};
    case v1::Net6::FORM_NOT_SET:
      break;
  }
  return {Family::kIp6, first, first};
}

absl::StatusOr<v1::Net4> ParseNet4(std::string_view text) {
  const size_t mark = FindMark(text);
  const std::optional<uint32_t> address = ParseIp4(text.substr(0, mark));
  if (!address) return NotANet4();
  v1::Net4 net;
  net.set_address(*address);
  if (mark == std::string_view::npos) return net;
  const std::string_view rest = text.substr(mark + 1);
  if (text[mark] == '/') {
    const std::optional<uint32_t> prefix = ParsePrefix(rest, 32);
    if (!prefix) return NotANet4();
    net.set_prefix(*prefix);
  } else {
    const std::optional<uint32_t> last = ParseIp4(rest);
    if (!last) return NotANet4();
    net.set_address(std::min(*address, *last));
    net.set_last(std::max(*address, *last));
  }
  return net;
}

absl::StatusOr<v1::Net6> ParseNet6(std::string_view text) {
  const size_t mark = FindMark(text);
  const std::optional<uint128> address = ParseIp6(text.substr(0, mark));
  if (!address) return NotANet6();
  v1::Net6 net;
  SetFirst(*address, &net);
  if (mark == std::string_view::npos) return net;
  const std::string_view rest = text.substr(mark + 1);
  if (text[mark] == '/') {
    const std::optional<uint32_t> prefix = ParsePrefix(rest, 128);
    if (!prefix) return NotANet6();
    net.set_prefix(*prefix);
  } else {
    const std::optional<uint128> last = ParseIp6(rest);
    if (!last) return NotANet6();
    SetFirst(std::min(*address, *last), &net);
    const uint128 high_end = std::max(*address, *last);
    net.mutable_last()->set_high(absl::Uint128High64(high_end));
    net.mutable_last()->set_low(absl::Uint128Low64(high_end));
  }
  return net;
}

absl::StatusOr<AddressRange> ParseAddressRange(std::string_view text) {
  if (const auto net = ParseNet4(text); net.ok()) return Bounds(*net);
  if (const auto net = ParseNet6(text); net.ok()) return Bounds(*net);
  return absl::InvalidArgumentError("not an IPv4 or IPv6 address, network or range");
}

std::string Print(const v1::Net4& net) {
  std::string text = PrintIp4(net.address());
  switch (net.form_case()) {
    case v1::Net4::kPrefix:
      return text.append("/").append(std::to_string(net.prefix()));
    case v1::Net4::kLast:
      return text.append("-").append(PrintIp4(net.last()));
    case v1::Net4::FORM_NOT_SET:
      break;
  }
  return text;
}

std::string Print(const v1::Net6& net) {
  std::string text = PrintIp6(First(net));
  switch (net.form_case()) {
    case v1::Net6::kPrefix:
      return text.append("/").append(std::to_string(net.prefix()));
    case v1::Net6::kLast:
      return text.append("-").append(PrintIp6(Last(net)));
    case v1::Net6::FORM_NOT_SET:
      break;
  }
  return text;
}

std::string Print(const AddressRange& range) {
  std::string text = PrintAddress(range.family, range.first);
  if (range.IsSingle()) return text;
  const int width = range.family == Family::kIp4 ? 32 : 128;
  // A network differs between its ends in the bits that it leaves free, and in all of them.
  const uint128 free = range.first ^ range.last;
  const bool is_network = (free & (free + 1)) == 0 && (range.first & free) == 0;
  if (!is_network) return text.append("-").append(PrintAddress(range.family, range.last));
  const int bits =
      absl::popcount(absl::Uint128High64(free)) + absl::popcount(absl::Uint128Low64(free));
  return text.append("/").append(std::to_string(width - bits));
}

std::string PrintAddress(Family family, uint128 address) {
  return family == Family::kIp4 ? PrintIp4(static_cast<uint32_t>(absl::Uint128Low64(address)))
                                : PrintIp6(address);
}

}  // namespace mentat::idea
