#include "orchestrator/report/pauses.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "orchestrator/base/json.h"
#include "orchestrator/report/moment.h"

namespace presswork::report {

namespace fs = std::filesystem;

namespace {

std::string time_in(const std::string& line) {
  const base::Json event = base::Json::parse(line, nullptr, false);
  const base::Json time = event.is_object() ? event.value("time", base::Json()) : base::Json();
  return time.is_string() ? time.get<std::string>() : "";
}

// Only the lines beside a start are parsed: a journal may be long.
class Pauses {
 public:
  void read(const fs::path& file) {
    std::ifstream journal(file);
    for (std::string line; std::getline(journal, line);) {
      if (line.empty() || line.back() != '}') continue;  // cut off by a crash
      const bool start = line.find("\"kind\":\"run_started\"") != std::string::npos;
      if (start && !last_.empty()) seconds_ += seconds_between(time_in(last_), time_in(line)).value_or(0);
      last_ = std::move(line);
    }
  }
  double seconds() const { return seconds_; }

 private:
  std::string last_;
  double seconds_ = 0;
};

}  // namespace

double paused_seconds(const fs::path& run_folder) {
  Pauses pauses;
  std::error_code ignored;
  for (int i = 1;; ++i) {  // older parts of a long journal
    const fs::path part = run_folder / ("events." + std::to_string(i) + ".jsonl");
    if (!fs::exists(part, ignored)) break;
    pauses.read(part);
  }
  pauses.read(run_folder / "events.jsonl");
  return pauses.seconds();
}

double without_pauses(double seconds, const fs::path& run_folder) {
  return std::max(0.0, seconds - paused_seconds(run_folder));
}

}  // namespace presswork::report
