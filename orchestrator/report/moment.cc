#include "orchestrator/report/moment.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace presswork::report {

std::optional<std::chrono::system_clock::time_point> moment_of(const std::string& utc) {
  std::tm parts{};
  double seconds = 0;
  char zone = 0;
  if (std::sscanf(utc.c_str(), "%d-%d-%dT%d:%d:%lf%c", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
                  &parts.tm_hour, &parts.tm_min, &seconds, &zone) != 7 ||
      zone != 'Z' || !(seconds >= 0 && seconds < 61)) {
    return std::nullopt;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  const std::time_t whole = timegm(&parts);
  return std::chrono::system_clock::from_time_t(whole) +
         std::chrono::milliseconds(std::llround(seconds * 1000));
}

std::optional<double> seconds_between(const std::string& begin, const std::string& end) {
  const auto from = moment_of(begin);
  const auto to = moment_of(end);
  if (!from || !to) return std::nullopt;
  return std::max(0.0, std::chrono::duration<double>(*to - *from).count());
}

}  // namespace presswork::report
