#include "common/service/http_get.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/service/host_port.h"

namespace mentat::service {

absl::StatusOr<std::string> HttpGet(const std::string& address, const std::string& path) {
  ASSIGN_OR_RETURN(const HostPort host_port, ParseHostPort(address));
  sockaddr_in peer = {};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(host_port.port);
  if (::inet_pton(AF_INET, host_port.host.c_str(), &peer.sin_addr) != 1) {
    return absl::InvalidArgumentError(absl::StrCat(address, " is not an IPv4 address and port"));
  }
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const absl::Cleanup close_socket = [fd] { ::close(fd); };
  const timeval timeout = {.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  const std::string request =
      absl::StrCat("GET ", path, " HTTP/1.0\r\nHost: ", address, "\r\n\r\n");
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0 ||
      ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(request.size())) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot ask ", address));
  }
  std::string answer;
  char buffer[4096];
  ssize_t size = 0;
  while ((size = ::recv(fd, buffer, sizeof buffer, 0)) > 0) answer.append(buffer, size);
  if (size < 0) return absl::ErrnoToStatus(errno, absl::StrCat("no answer from ", address));
  const size_t body = answer.find("\r\n\r\n");
  if (body == std::string::npos || answer.find(" 200 ") > answer.find("\r\n")) {
    return absl::UnknownError(absl::StrCat(address, " answered ", answer.substr(0, 100)));
  }
  return answer.substr(body + 4);
}

}  // namespace mentat::service
