#include "orchestrator/report/board.h"

#include <algorithm>
#include <cmath>

#include "orchestrator/report/event_fields.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

using std::chrono::milliseconds;

namespace {

auto find(std::vector<RunningStage>& running, const std::string& instance) {
  return std::find_if(running.begin(), running.end(),
                      [&](const RunningStage& stage) { return stage.instance == instance; });
}

// A loop, a decision or a selection: it is told like a stage, but has nothing that it uses.
bool is_no_stage(const engine::Event& event) {
  return event.data.is_object() && event.data.contains("uses") && text_of(event.data, "uses").empty();
}

double seconds_from(Board::Time from, Board::Time to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

void Board::follow(const engine::Event& event, Time now) {
  const std::string& kind = event.kind;
  if (kind == "run_started") {
    *this = {};
    begun_ = now;
    announced_ = static_cast<std::size_t>(std::max(0.0, number_of(event.data, "stages")));
    counts_.kept = static_cast<std::size_t>(std::max(0.0, number_of(event.data, "kept")));
  } else if (kind == "stage_started" || kind == "stage_rolling_back") {
    start(event, now);
  } else if (kind == "stage_waiting") {
    waiting_[event.instance] = {text_of(event.data, "for"), std::nullopt, 1};
  } else if (kind == "loop_iteration") {
    loops_[event.instance] = {static_cast<int>(number_of(event.data, "iteration")),
                              static_cast<int>(number_of(event.data, "max"))};
  } else if (kind == "loop_ended") {
    loops_.erase(event.instance);
  } else if (const auto it = find(running_, event.instance); it != running_.end()) {
    if (kind == "stage_progress") {
      it->estimate.update(number_of(event.data, "done"), number_of(event.data, "total"),
                          text_of(event.data, "what"), now);
    } else if (kind == "stage_publishing") {
      it->publishing = true;
    } else {
      end(event, now);
    }
  } else {
    end(event, now);
  }
  const std::size_t seen = counts_.done() + running_.size() + waiting_.size();
  counts_.total = std::max(announced_, seen);
}

void Board::start(const engine::Event& event, Time now) {
  if (const auto it = find(running_, event.instance); it != running_.end()) running_.erase(it);
  waiting_.erase(event.instance);
  RunningStage stage;
  stage.instance = event.instance;
  stage.uses = text_of(event.data, "uses");
  stage.since = now;
  stage.attempt = std::max(1, static_cast<int>(number_of(event.data, "attempt")));
  stage.pid = static_cast<std::int64_t>(number_of(event.data, "pid"));
  running_.push_back(std::move(stage));
  most_at_once_ = std::max(most_at_once_, running_.size());
}

void Board::end(const engine::Event& event, Time now) {
  const std::string& kind = event.kind;
  const bool succeeded = kind == "stage_succeeded";
  if (!succeeded && kind != "stage_failed" && kind != "stage_cancelled" && kind != "stage_cached" &&
      kind != "stage_skipped") {
    return;
  }
  if (is_no_stage(event)) return;
  waiting_.erase(event.instance);
  if (const auto it = find(running_, event.instance); it != running_.end()) {
    if (succeeded) {
      const double seconds = seconds_from(it->since, now);
      for (Sum* sum : {&took_[it->uses], &took_in_all_}) {
        sum->seconds += seconds;
        ++sum->count;
      }
    }
    running_.erase(it);
  }
  if (kind == "stage_failed" && event.data.contains("retry_in_ms")) {
    const double wait = std::clamp(number_of(event.data, "retry_in_ms"), 0.0, 1e12);
    waiting_[event.instance] = {"", now + milliseconds(static_cast<long long>(wait)),
                                static_cast<int>(number_of(event.data, "attempt")) + 1};
    return;
  }
  if (succeeded) ++counts_.succeeded;
  if (kind == "stage_cached") ++counts_.cached;
  if (kind == "stage_failed") ++counts_.failed;
  if (kind == "stage_skipped") ++counts_.skipped;
  if (kind == "stage_cancelled") ++counts_.cancelled;
}

std::optional<double> Board::usual_seconds(const std::string& uses) const {
  const auto it = took_.find(uses);
  const Sum& sum = it == took_.end() ? took_in_all_ : it->second;
  if (sum.count == 0) return std::nullopt;
  return sum.seconds / static_cast<double>(sum.count);
}

std::optional<milliseconds> Board::left(Time now) const {
  const bool open = std::any_of(loops_.begin(), loops_.end(), [](const auto& loop) {
    return loop.second.max == 0 || loop.second.iteration < loop.second.max;
  });
  if (open) return std::nullopt;
  double longest = 0, work = 0;
  for (const RunningStage& stage : running_) {
    double seconds = 0;
    if (const auto left = stage.estimate.left(now); left && !stage.publishing) {
      seconds = std::chrono::duration<double>(*left).count();
    } else if (const auto usual = usual_seconds(stage.uses); usual && !stage.publishing) {
      seconds = std::max(0.0, *usual - seconds_from(stage.since, now));
    } else if (!stage.publishing) {
      return std::nullopt;
    }
    longest = std::max(longest, seconds);
    work += seconds;
  }
  const std::size_t known = counts_.done() + running_.size();
  if (const std::size_t ahead = counts_.total > known ? counts_.total - known : 0; ahead > 0) {
    if (took_in_all_.count < 2) return std::nullopt;
    work += static_cast<double>(ahead) * took_in_all_.seconds / static_cast<double>(took_in_all_.count);
  }
  const double seconds =
      std::max(longest, work / static_cast<double>(std::max<std::size_t>(1, most_at_once_)));
  if (!std::isfinite(seconds) || seconds > 1e9 || seconds < 1) return std::nullopt;
  return milliseconds(static_cast<long long>(seconds * 1000));
}

std::vector<std::string> count_words(const Board& board) {
  const Counts& counts = board.counts();
  const auto number = [](std::size_t n) { return format_integer(static_cast<long long>(n)); };
  std::vector<std::string> words = {number(counts.done()) + "/" + number(counts.total) +
                                    (board.loops().empty() ? "" : "+") + " done"};
  if (counts.failed > 0) words.push_back(number(counts.failed) + " failed");
  if (!board.running().empty()) words.push_back(number(board.running().size()) + " running");
  if (!board.waiting().empty()) words.push_back(number(board.waiting().size()) + " waiting");
  if (counts.kept > 0) words.push_back(number(counts.kept) + " kept");
  if (counts.cached > 0) words.push_back(number(counts.cached) + " cached");
  if (counts.skipped > 0) words.push_back(number(counts.skipped) + " skipped");
  return words;
}

std::string about(milliseconds time) {
  const auto seconds = static_cast<long long>(std::ceil(static_cast<double>(time.count()) / 1000));
  const auto minutes = (seconds + 30) / 60;
  if (seconds < 10) return "about " + std::to_string(seconds) + " s";
  if (seconds < 58) return "about " + std::to_string((seconds + 4) / 5 * 5) + " s";
  if (minutes < 60) return "about " + std::to_string(std::max(1LL, minutes)) + " min";
  if (minutes < 48 * 60) {
    const long long tens = (minutes + 5) / 10 * 10;
    const std::string rest = tens % 60 == 0 ? "" : " " + std::to_string(tens % 60) + " min";
    return "about " + std::to_string(tens / 60) + " h" + rest;
  }
  return "about " + std::to_string((minutes + 12 * 60) / (24 * 60)) + " days";
}

}  // namespace presswork::report
