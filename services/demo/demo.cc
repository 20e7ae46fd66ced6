// The smallest stage, to be copied: docs/writing-a-stage.md goes through it line by line.
#include "common/service/stage.h"
#include "mentat/config/v1/demo.pb.h"

namespace mentat::demo {

class Demo : public service::EachEvent {
 public:
  using Config = config::v1::DemoConfig;
  static constexpr std::string_view kName = "demo";

  Demo(const Config& config, service::Context& context)
      : note_(config.note()),
        unwanted_(Use<service::Lines>("unwanted_categories", config.unwanted_file(), context)),
        noted_(service::AddCounter(*context.registry, "mentat_demo_noted_events_total",
                                   "Events that a note was written into.")) {}

  void Process(pipeline::Item& item) override {
    for (const std::string& category : item.view().category()) {
      if (unwanted_.Contains(category)) return item.Drop("unwanted " + category);
    }
    if (item.view().has_note()) return;
    item.event().set_note(note_);
    noted_.Increment();
  }

 private:
  const std::string note_;
  const service::Lines& unwanted_;
  prometheus::Counter& noted_;
};

}  // namespace mentat::demo

int main(int argc, char** argv) { return mentat::service::Main<mentat::demo::Demo>(argc, argv); }
