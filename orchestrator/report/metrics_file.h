// A run as a text file for the textfile collector of Prometheus' node_exporter.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "orchestrator/base/clock.h"
#include "orchestrator/engine/event.h"

namespace presswork::report {

struct MetricsSource {
  // The metrics of the checkpoint that has this key; null when there is none.
  std::function<base::Json(const std::string& key)> metrics_of;
  // Whether a stage's description marks the metric as a headline.
  std::function<bool(const std::string& uses, const std::string& metric)> is_headline;
  std::function<void(const std::string&)> complain;  // hears of the first failure to write
};

// Writes `file` whenever a run begins or ends, and every five seconds meanwhile: beside it, then renamed over
// it, so that a reader never sees half of it. Stages beyond the first thousand are only counted.
std::unique_ptr<engine::Observer> make_metrics_file(std::filesystem::path file, base::Clock& clock,
                                                    MetricsSource source);

// The text format of Prometheus (0.0.4), one family after the other.
class Exposition {
 public:
  void family(const std::string& name, const std::string& help);
  // Labels as {name, value}; values may hold anything.
  void sample(const std::vector<std::pair<std::string, std::string>>& labels, double value);
  const std::string& text() const { return text_; }

 private:
  std::string name_, text_;
};

}  // namespace presswork::report
