// Bytes together with what keeps them alive: a frame as libzmq gave it, or a batch's own buffer
// that libzmq is still sending from.
#ifndef COMMON_PIPELINE_SHARED_BYTES_H_
#define COMMON_PIPELINE_SHARED_BYTES_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace mentat::pipeline {

struct SharedBytes {
  std::shared_ptr<const void> owner;
  std::string_view bytes;  // valid as long as `owner` lives; never changed while it is shared

  static SharedBytes Of(std::string text) {
    auto owner = std::make_shared<const std::string>(std::move(text));
    const std::string_view bytes = *owner;
    return {std::move(owner), bytes};
  }
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_SHARED_BYTES_H_
