#include "orchestrator/base/clock.h"

#include <gtest/gtest.h>

namespace presswork::base {
namespace {

std::string utc(std::int64_t ms) {
  return to_utc_string(std::chrono::system_clock::time_point(std::chrono::milliseconds(ms)));
}

// Seconds since the epoch taken with `date -u -d … +%s`.
TEST(Clock, WritesTimesInUtcWithMilliseconds) {
  EXPECT_EQ(utc(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(utc(951'782'400'007), "2000-02-29T00:00:00.007Z");
  EXPECT_EQ(utc(4'102'444'799'999), "2099-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace presswork::base
