#include "orchestrator/report/metrics_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/report/event_fields.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

using base::Json;
using Moment = std::chrono::system_clock::time_point;

constexpr std::chrono::seconds kWriteEvery{5};
constexpr std::size_t kMostStages = 1000;
constexpr const char* kRunStates[] = {"running", "succeeded", "failed", "interrupted", "partial"};
constexpr const char* kCountedStates[] = {"waiting", "running",   "succeeded", "cached",
                                          "failed",  "timed_out", "skipped",   "cancelled"};

struct StageFacts {
  std::string uses, state;
  double seconds = 0, peak_memory_bytes = 0;
  int attempts = 0;
  bool measured = false;  // seconds and memory are known
  Json metrics = Json::object();
};

double unix_seconds(Moment moment) {
  return static_cast<double>(
             std::chrono::duration_cast<std::chrono::milliseconds>(moment.time_since_epoch()).count()) /
         1000;
}

class MetricsFile : public engine::Observer {
 public:
  MetricsFile(std::filesystem::path file, base::Clock& clock, MetricsSource source)
      : file_(std::move(file)), clock_(clock), source_(std::move(source)) {}

  void on_event(const engine::Event& event) override {
    follow(event);
    if (event.kind == "run_started" || event.kind == "run_ended") write();
  }

  void on_tick() override {
    if (!run_.empty() && clock_.monotonic() - written_ >= kWriteEvery) write();
  }

 private:
  void follow(const engine::Event& event) {
    const std::string& kind = event.kind;
    if (kind == "run_started") {
      run_ = text_of(event.data, "run");
      workflow_ = text_of(event.data, "workflow");
      state_ = "running";
      begun_ = event.time;
      ended_.reset();
    } else if (kind == "run_ended") {
      state_ = text_of(event.data, "state");
      ended_ = event.time;
    } else if (kind == "stage_started") {
      StageFacts& stage = set(event, "running");
      stage.attempts = static_cast<int>(number_of(event.data, "attempt"));
    } else if (kind == "stage_waiting") {
      set(event, "waiting");
    } else if (kind == "stage_succeeded") {
      StageFacts& stage = set(event, "succeeded");
      stage.seconds = number_of(event.data, "seconds");
      stage.peak_memory_bytes = number_of(event.data, "peak_memory_bytes");
      stage.metrics = value_of(event.data, "metrics");
      stage.measured = true;
    } else if (kind == "stage_cached") {
      StageFacts& stage = set(event, "cached");
      stage.metrics = source_.metrics_of ? source_.metrics_of(text_of(event.data, "key")) : Json();
    } else if (kind == "stage_failed") {
      const bool again = event.data.contains("retry_in_ms");
      StageFacts& stage = set(event, again                                         ? "waiting"
                                     : text_of(event.data, "state") == "timed_out" ? "timed_out"
                                                                                   : "failed");
      stage.attempts = static_cast<int>(number_of(event.data, "attempt"));
    } else if (kind == "stage_skipped") {
      set(event, "skipped");
    } else if (kind == "stage_cancelled") {
      set(event, "cancelled");
    }
  }

  StageFacts& set(const engine::Event& event, const char* state) {
    StageFacts& stage = stages_[event.instance];
    if (!stage.state.empty()) --counts_[stage.state];
    ++counts_[state];
    stage.state = state;
    if (const std::string uses = text_of(event.data, "uses"); !uses.empty()) stage.uses = uses;
    return stage;
  }

  std::string text() const {
    Exposition out;
    out.family("presswork_run_info", "The run that this file is about; always 1.");
    out.sample({{"workflow", workflow_}, {"run", run_}}, 1);
    out.family("presswork_run_state", "1 for the state that the run is in, 0 for the others.");
    for (const char* state : kRunStates)
      out.sample({{"workflow", workflow_}, {"state", state}}, state_ == state ? 1 : 0);
    out.family("presswork_run_start_timestamp_seconds", "When the run began or was resumed, Unix time.");
    out.sample({{"workflow", workflow_}}, unix_seconds(begun_));
    if (ended_) {
      out.family("presswork_run_end_timestamp_seconds", "When the run ended, Unix time.");
      out.sample({{"workflow", workflow_}}, unix_seconds(*ended_));
    }
    out.family("presswork_instances", "Instances of the run that are in a state.");
    for (const char* state : kCountedStates) {
      const auto it = counts_.find(state);
      out.sample({{"workflow", workflow_}, {"state", state}},
                 it == counts_.end() ? 0 : static_cast<double>(it->second));
    }
    add_stages(out);
    return out.text();
  }

  void add_stages(Exposition& out) const {
    const auto each = [&](auto&& add) {
      std::size_t count = 0;
      for (const auto& [id, stage] : stages_) {
        if (++count > kMostStages) return;
        add(
            std::vector<std::pair<std::string, std::string>>{
                {"workflow", workflow_}, {"stage", id}, {"uses", stage.uses}},
            stage);
      }
    };
    out.family("presswork_stage_seconds", "How long the stage's work took.");
    each([&](const auto& labels, const StageFacts& stage) {
      if (stage.measured) out.sample(labels, stage.seconds);
    });
    out.family("presswork_stage_peak_memory_bytes", "The most memory that the stage's process had.");
    each([&](const auto& labels, const StageFacts& stage) {
      if (stage.measured) out.sample(labels, stage.peak_memory_bytes);
    });
    out.family("presswork_stage_attempts", "Attempts of the stage so far.");
    each([&](const auto& labels, const StageFacts& stage) {
      if (stage.attempts > 0) out.sample(labels, stage.attempts);
    });
    out.family("presswork_metric",
               "What the stage measured: the metrics that its description makes headlines.");
    each([&](auto labels, const StageFacts& stage) {
      if (!stage.metrics.is_object()) return;
      labels.emplace_back("metric", "");
      for (const auto& [name, value] : stage.metrics.items()) {
        if (!value.is_number() || !source_.is_headline || !source_.is_headline(stage.uses, name)) continue;
        labels.back().second = name;
        out.sample(labels, value.template get<double>());
      }
    });
  }

  void write() {
    written_ = clock_.monotonic();
    std::filesystem::path beside = file_;
    beside += "." + std::to_string(::getpid()) + ".tmp";  // the collector reads only *.prom
    base::FileSystem& files = base::real_file_system();
    try {
      files.write(beside, text());
      ::chmod(beside.c_str(), 0644);  // the collector runs as another user
      files.rename(beside, file_);
    } catch (const base::Error& error) {
      if (!complained_ && source_.complain) source_.complain("the metrics file: " + error.message);
      complained_ = true;
      std::error_code none;
      std::filesystem::remove(beside, none);
    }
  }

  std::filesystem::path file_;
  base::Clock& clock_;
  MetricsSource source_;
  std::string run_, workflow_, state_;
  Moment begun_{};
  std::optional<Moment> ended_;
  std::map<std::string, StageFacts> stages_;
  std::map<std::string, std::size_t> counts_;  // by state
  std::chrono::steady_clock::time_point written_{};
  bool complained_ = false;
};

std::string escaped(const std::string& value) {
  std::string out;
  for (const char c : printable(value)) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

void Exposition::family(const std::string& name, const std::string& help) {
  name_ = name;
  text_ += "# HELP " + name + " " + help + "\n# TYPE " + name + " gauge\n";
}

void Exposition::sample(const std::vector<std::pair<std::string, std::string>>& labels, double value) {
  text_ += name_;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    text_ += (i == 0 ? "{" : ",") + labels[i].first + "=\"" + escaped(labels[i].second) + "\"";
  }
  char number[32];
  if (std::isnan(value)) {
    std::snprintf(number, sizeof number, "NaN");
  } else if (std::isinf(value)) {
    std::snprintf(number, sizeof number, value > 0 ? "+Inf" : "-Inf");
  } else {
    // The shortest that reads back as the same number.
    const double size = std::abs(value);
    const bool plain = size == 0 || (size >= 1e-4 && size < 1e15);
    *std::to_chars(number, number + sizeof number - 1, value,
                   plain ? std::chars_format::fixed : std::chars_format::scientific)
         .ptr = 0;
  }
  text_ += std::string(labels.empty() ? " " : "} ") + number + "\n";
}

std::unique_ptr<engine::Observer> make_metrics_file(std::filesystem::path file, base::Clock& clock,
                                                    MetricsSource source) {
  return std::make_unique<MetricsFile>(std::move(file), clock, std::move(source));
}

}  // namespace presswork::report
