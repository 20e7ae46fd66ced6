// A gate in front of a PostgreSQL server, for tests: it cuts the first connection that commits,
// exactly at the COMMIT, and lets all later ones pass.
#ifndef SERVICES_STORAGE_COMMIT_GATE_H_
#define SERVICES_STORAGE_COMMIT_GATE_H_

#include <string>
#include <thread>
#include <vector>

namespace mentat::storage {

class CommitGate {
 public:
  enum class Cut {
    kRequest,  // the server never hears of the COMMIT
    kAnswer,   // the server commits, the client never hears of it
  };

  // `server` is the directory of the server's socket.
  CommitGate(const std::string& server, Cut cut);
  ~CommitGate();

  // The directory of the gate's own socket.
  const std::string& directory() const { return directory_; }

 private:
  void Accept();
  void Serve(int client);

  const std::string server_;
  const Cut cut_;
  std::string directory_;
  int listener_ = -1;
  bool has_cut_ = false;
  std::jthread thread_;
};

}  // namespace mentat::storage

#endif  // SERVICES_STORAGE_COMMIT_GATE_H_
