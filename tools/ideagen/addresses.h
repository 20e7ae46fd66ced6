// The addresses that generated events speak of. All are reserved for documentation, private use,
// shared address space or benchmarks, so that no machine of the real world is ever accused.
//
//   inside (the demo's constituency: its networks table gives these to abuse groups)
//     192.0.2.0/24  198.51.100.0/24  203.0.113.0/24   small networks, one group each
//     10.0.0.0/12                                     sixteen networks, 10.0.0.0/16 to 10.15.0.0/16
//     2001:db8::/44                                   sixteen networks, 2001:db8:0::/48 to
//     2001:db8:f::/48
//   outside (known to the demo's geoip databases only)
//     100.64.0.0/10  198.18.0.0/15  2001:db8:8000::/33
//
// The demo's MMDB files cover both lists; its networks table covers the inside.
#ifndef TOOLS_IDEAGEN_ADDRESSES_H_
#define TOOLS_IDEAGEN_ADDRESSES_H_

#include <array>
#include <cstdint>

namespace mentat::ideagen {

struct Pool4 {
  uint32_t base;  // host byte order
  int prefix;
};

struct Pool6 {
  uint64_t high;  // upper half of the base, host byte order
  int prefix;     // not over 64: the lower half is always free
};

inline constexpr std::array kInside4 = {
    Pool4{0xC0000200, 24},  // 192.0.2.0/24
    Pool4{0xC6336400, 24},  // 198.51.100.0/24
    Pool4{0xCB007100, 24},  // 203.0.113.0/24
    Pool4{0x0A000000, 12},  // 10.0.0.0/12
};
inline constexpr std::array kOutside4 = {
    Pool4{0x64400000, 10},  // 100.64.0.0/10
    Pool4{0xC6120000, 15},  // 198.18.0.0/15
};
inline constexpr std::array kInside6 = {Pool6{0x20010DB8'00000000, 44}};   // 2001:db8::/44
inline constexpr std::array kOutside6 = {Pool6{0x20010DB8'80000000, 33}};  // 2001:db8:8000::/33

}  // namespace mentat::ideagen

#endif  // TOOLS_IDEAGEN_ADDRESSES_H_
