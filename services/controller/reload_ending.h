// What a journal still asks for, and doing it: to commit on the instances that have not, or to put
// the files of a rollback back. Whatever has been done already may be done again.
#ifndef SERVICES_CONTROLLER_RELOAD_ENDING_H_
#define SERVICES_CONTROLLER_RELOAD_ENDING_H_

#include <string>
#include <vector>

#include "mentat/controller/state/v1/reload_state.pb.h"
#include "mentat/controller/v1/controller.pb.h"
#include "services/controller/reload_steps.h"
#include "services/controller/selection.h"

namespace mentat::controller {

// One thread.
class ReloadEnding {
 public:
  enum class State {
    kOpen,  // to be tried again
    kDone,
    kGone,  // nobody knows the instance any more; if it comes again it reads the files at its start
    kLost,  // its files have been changed since, so that the next reload is for it too
  };
  struct Participant {
    Target target;
    State state = State::kOpen;
    std::string error;  // why it is not done
  };

  // The steps outlive the object.
  ReloadEnding(state::v1::Journal journal, const ReloadSteps& steps);

  // Finds out where the instances are now.
  void Locate(const v1::GetStatusResponse& known);
  // Tries it once with those that are open.
  void Try();

  // Whether none is open.
  bool done() const;
  // In the order of the journal.
  const std::vector<Participant>& participants() const { return participants_; }
  const state::v1::Journal& journal() const { return journal_; }

 private:
  std::vector<size_t> Open() const;
  std::vector<Target> TargetsOf(const std::vector<size_t>& indices) const;
  void Commit();
  // For those that know nothing of the reload any more: they prepare and commit what they have
  // missed.
  void PrepareAgain(const std::vector<size_t>& indices);
  void PutBack();

  const state::v1::Journal journal_;
  const ReloadSteps& steps_;
  std::vector<Participant> participants_;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_RELOAD_ENDING_H_
