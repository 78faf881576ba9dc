// The table of SPEC.md, section 6.
#include "plugins/report/grading.h"

#include <gtest/gtest.h>

namespace presswork::summary {
namespace {

TEST(Grading, FollowsTheTableAtItsBoundaries) {
  EXPECT_EQ(grade_ratio(4.01), Grade::excellent);
  EXPECT_EQ(grade_ratio(4), Grade::good);
  EXPECT_EQ(grade_ratio(2), Grade::good);
  EXPECT_EQ(grade_ratio(1.5), Grade::acceptable);
  EXPECT_EQ(grade_ratio(1.49), Grade::needs_improvement);
  EXPECT_EQ(grade_loss(-1), Grade::excellent);
  EXPECT_EQ(grade_loss(1.99), Grade::excellent);
  EXPECT_EQ(grade_loss(2), Grade::good);
  EXPECT_EQ(grade_loss(5), Grade::acceptable);
  EXPECT_EQ(grade_loss(8), Grade::needs_improvement);
  EXPECT_EQ(grade_speedup(3.1), Grade::excellent);
  EXPECT_EQ(grade_speedup(1.0), Grade::needs_improvement);
  EXPECT_EQ(grade_memory_saving(76), Grade::excellent);
  EXPECT_EQ(grade_memory_saving(50), Grade::good);
  EXPECT_EQ(grade_memory_saving(25), Grade::acceptable);
}

TEST(Grading, TheWorstMeasuredMetricDecides) {
  Figures figures;
  EXPECT_EQ(overall(grade_all(figures)), std::nullopt);
  figures.compression_ratio = 5;
  EXPECT_EQ(overall(grade_all(figures)), Grade::excellent);
  figures.speedup = 1.6;
  EXPECT_EQ(overall(grade_all(figures)), Grade::acceptable);
}

TEST(Grading, WhatWasNotMeasuredSaysWhy) {
  const auto metrics = grade_all(Figures{});
  ASSERT_EQ(metrics.size(), 4U);
  for (const GradedMetric& metric : metrics) {
    EXPECT_FALSE(metric.grade);
    EXPECT_NE(std::string(metric.how), "");
  }
}

}  // namespace
}  // namespace presswork::summary
