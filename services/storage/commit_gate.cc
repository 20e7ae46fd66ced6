#include "services/storage/commit_gate.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

namespace mentat::storage {
namespace {

constexpr char kSocket[] = "/.s.PGSQL.5432";

sockaddr_un Address(const std::string& directory) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (directory + kSocket).c_str(), sizeof(address.sun_path) - 1);
  return address;
}

bool SendAll(int socket, std::string_view data) {
  while (!data.empty()) {
    const ssize_t sent = send(socket, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data.remove_prefix(sent);
  }
  return true;
}

}  // namespace

CommitGate::CommitGate(const std::string& server, Cut cut) : server_(server), cut_(cut) {
  char path[] = "/tmp/mentat-gate-XXXXXX";
  if (mkdtemp(path) != nullptr) directory_ = path;
  const sockaddr_un address = Address(directory_);
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener_, 8) != 0) {
    abort();
  }
  thread_ = std::jthread([this] { Accept(); });
}

CommitGate::~CommitGate() {
  shutdown(listener_, SHUT_RDWR);  // ends the accept
  thread_.join();
  close(listener_);
  unlink((directory_ + kSocket).c_str());
  rmdir(directory_.c_str());
}

void CommitGate::Accept() {
  // One connection after another is all that one processor needs.
  for (int client; (client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    Serve(client);
    close(client);
  }
}

void CommitGate::Serve(int client) {
  const sockaddr_un address = Address(server_);
  const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool open = connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  bool committing = false;
  while (open) {
    pollfd ends[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    if (poll(ends, 2, -1) < 0) break;
    for (int i = 0; i < 2 && open; ++i) {
      if (ends[i].revents == 0) continue;
      char buffer[65536];
      const ssize_t size = recv(ends[i].fd, buffer, sizeof(buffer), 0);
      const std::string_view data(buffer, size > 0 ? size : 0);
      const bool from_client = i == 0;
      if (from_client && !has_cut_ && data.find("COMMIT") != data.npos) {
        has_cut_ = true;
        committing = true;
        if (cut_ == Cut::kRequest) break;
      }
      // The server answers when it has committed; this answer goes nowhere.
      open = size > 0 && !(committing && !from_client) && SendAll(ends[1 - i].fd, data);
    }
    if (committing && cut_ == Cut::kRequest) break;
  }
  close(server);
}

}  // namespace mentat::storage
