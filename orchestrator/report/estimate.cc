#include "orchestrator/report/estimate.h"

#include <algorithm>
#include <cmath>

namespace presswork::report {

void Estimate::update(double done, double total, const std::string& what, Time now) {
  if (!std::isfinite(done) || !std::isfinite(total)) return;
  if (!started_ || what != what_ || total != total_ || done < done_) {
    first_ = done;
    begun_ = now;
    what_ = what;
    total_ = total;
    started_ = true;
  }
  done_ = done;
  latest_ = now;
}

double Estimate::fraction() const { return known() ? std::clamp(done_ / total_, 0.0, 1.0) : 0; }

std::optional<double> Estimate::rate() const {
  const double seconds = std::chrono::duration<double>(latest_ - begun_).count();
  if (seconds < 1 || done_ <= first_) return std::nullopt;
  return (done_ - first_) / seconds;
}

std::optional<std::chrono::milliseconds> Estimate::left(Time now) const {
  const auto speed = rate();
  if (!speed || !known()) return std::nullopt;
  const double since = std::chrono::duration<double>(now - latest_).count();
  const double seconds = std::max(0.0, (total_ - done_) / *speed - since);
  if (seconds > 1e9) return std::nullopt;
  return std::chrono::milliseconds(static_cast<long long>(seconds * 1000));
}

}  // namespace presswork::report
