// What a command costs.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/child.h"

namespace presswork::bench {

struct Cost {
  double seconds = 0;  // on the wall
  double cpu_seconds =
      0;  // of the command and all that it waited for; other work on the machine is not in it
  double peak_megabytes = 0;  // of the largest process
};

inline double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// Runs the command to its end, in `folder`. Throws with the end of its output when it does not end with
// `status`.
inline Cost cost_of(const std::vector<std::string>& command, const std::filesystem::path& folder,
                    int status = 0) {
  std::vector<std::string> words = {"/bin/sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh",
                                    folder.string()};
  words.insert(words.end(), command.begin(), command.end());
  const auto log = folder / "bench.log";
  std::filesystem::remove(log);
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = testing::spawn(words, log);
  int ended = 0;
  rusage usage{};
  while (::wait4(child, &ended, 0, &usage) < 0 && errno == EINTR) {
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  if (!WIFEXITED(ended) || WEXITSTATUS(ended) != status) {
    std::ifstream file(log);
    std::string text((std::istreambuf_iterator<char>(file)), {});
    throw std::runtime_error(command.front() + " did not end with " + std::to_string(status) + ":\n" +
                             text.substr(text.size() - std::min<std::size_t>(text.size(), 2000)));
  }
  return {wall.count(), seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime),
          static_cast<double>(usage.ru_maxrss) / 1024};
}

// The median of each figure by itself.
inline Cost median(const std::vector<Cost>& costs) {
  const auto middle = [&costs](double Cost::*figure) {
    std::vector<double> values;
    for (const Cost& cost : costs) values.push_back(cost.*figure);
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
  };
  return {middle(&Cost::seconds), middle(&Cost::cpu_seconds), middle(&Cost::peak_megabytes)};
}

}  // namespace presswork::bench
