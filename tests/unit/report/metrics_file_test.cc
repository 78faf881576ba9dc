#include "orchestrator/report/metrics_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "support/fakes.h"

namespace presswork::report {
namespace {

namespace fs = std::filesystem;
using base::Json;

class MetricsFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/presswork-metrics-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    source.metrics_of = [](const std::string& key) {
      return key == "k1" ? Json{{"loss", 20.5}, {"tokens", 100}} : Json();
    };
    source.is_headline = [](const std::string&, const std::string& metric) { return metric == "loss"; };
    source.complain = [this](const std::string& what) { complaints.push_back(what); };
  }
  void TearDown() override { fs::remove_all(folder); }

  void send(engine::Observer& observer, const std::string& kind, const std::string& instance,
            const Json& data) {
    observer.on_event({clock.now(), kind, instance, data});
  }
  std::string text() const {
    std::ostringstream all;
    all << std::ifstream(folder / "run.prom").rdbuf();
    return all.str();
  }
  bool has(const std::string& line) const {
    return ("\n" + text()).find("\n" + line + "\n") != std::string::npos;
  }

  fs::path folder;
  testing::FakeClock clock;
  MetricsSource source;
  std::vector<std::string> complaints;
};

TEST_F(MetricsFile, TellsStatesTimesAttemptsAndHeadlines) {
  const auto metrics = make_metrics_file(folder / "run.prom", clock, source);
  send(*metrics, "run_started", "", {{"run", "r1"}, {"workflow", "demo"}, {"stages", 2}});
  EXPECT_TRUE(has("presswork_run_state{workflow=\"demo\",state=\"running\"} 1"));
  EXPECT_EQ(text().find("presswork_run_end"), std::string::npos);
  send(*metrics, "stage_cached", "before", {{"uses", "test/measure"}, {"key", "k1"}, {"seconds", 2.0}});
  send(*metrics, "stage_started", "after", {{"uses", "test/measure"}, {"attempt", 2}});
  send(*metrics, "stage_succeeded", "after",
       {{"uses", "test/measure"},
        {"seconds", 1.5},
        {"peak_memory_bytes", 1048576},
        {"metrics", {{"loss", 21.25}, {"tokens", 100}, {"name", "x"}}}});
  clock.advance(std::chrono::seconds(90));
  send(*metrics, "run_ended", "", {{"state", "succeeded"}});
  for (const char* line :
       {"presswork_run_info{workflow=\"demo\",run=\"r1\"} 1",
        "presswork_run_state{workflow=\"demo\",state=\"running\"} 0",
        "presswork_run_state{workflow=\"demo\",state=\"succeeded\"} 1",
        "presswork_run_start_timestamp_seconds{workflow=\"demo\"} 1790000000",
        "presswork_run_end_timestamp_seconds{workflow=\"demo\"} 1790000090",
        "presswork_instances{workflow=\"demo\",state=\"cached\"} 1",
        "presswork_instances{workflow=\"demo\",state=\"running\"} 0",
        "presswork_instances{workflow=\"demo\",state=\"succeeded\"} 1",
        "presswork_stage_seconds{workflow=\"demo\",stage=\"after\",uses=\"test/measure\"} 1.5",
        "presswork_stage_peak_memory_bytes{workflow=\"demo\",stage=\"after\",uses=\"test/measure\"} 1048576",
        "presswork_stage_attempts{workflow=\"demo\",stage=\"after\",uses=\"test/measure\"} 2",
        "presswork_metric{workflow=\"demo\",stage=\"before\",uses=\"test/measure\",metric=\"loss\"} 20.5",
        "presswork_metric{workflow=\"demo\",stage=\"after\",uses=\"test/measure\",metric=\"loss\"} 21.25"}) {
    EXPECT_TRUE(has(line)) << line << " in\n" << text();
  }
  EXPECT_EQ(text().find("tokens"), std::string::npos) << "only headlines";
}

TEST_F(MetricsFile, IsWrittenEveryFewSecondsAndNeverHalf) {
  const auto metrics = make_metrics_file(folder / "run.prom", clock, source);
  send(*metrics, "run_started", "", {{"run", "r1"}, {"workflow", "demo"}, {"stages", 2}});
  send(*metrics, "stage_started", "a", {{"uses", "x"}, {"attempt", 1}});
  metrics->on_tick();
  EXPECT_EQ(text().find("stage_attempts{"), std::string::npos);
  clock.advance(std::chrono::seconds(5));
  metrics->on_tick();
  EXPECT_NE(text().find("stage_attempts{"), std::string::npos);
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder)) ++files;
  EXPECT_EQ(files, 1u) << "nothing is left beside it";
  EXPECT_EQ(fs::status(folder / "run.prom").permissions() & fs::perms::others_read, fs::perms::others_read);
}

TEST_F(MetricsFile, KeepsTheTextFormatWhateverTheNamesAre) {
  const auto metrics = make_metrics_file(folder / "run.prom", clock, source);
  send(*metrics, "run_started", "", {{"run", "r1"}, {"workflow", "a\"b\\c\nd"}, {"stages", 1}});
  send(*metrics, "stage_started", "q[x=\"1\"]\n# evil", {{"uses", "x\\"}, {"attempt", 1}});
  send(*metrics, "run_ended", "", {{"state", "failed"}});
  const std::regex sample("[a-z_]+(\\{([a-z]+=\"([^\"\\\\\n]|\\\\[\\\\\"n])*\",?)+\\})? [-+0-9.e]+");
  std::istringstream lines(text());
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(line.starts_with("# HELP presswork_") || line.starts_with("# TYPE presswork_") ||
                std::regex_match(line, sample))
        << line;
  }
}

TEST_F(MetricsFile, ComplainsOnceWhenItCannotBeWritten) {
  const auto metrics = make_metrics_file(folder / "gone" / "run.prom", clock, source);
  send(*metrics, "run_started", "", {{"run", "r1"}, {"workflow", "demo"}, {"stages", 1}});
  send(*metrics, "run_ended", "", {{"state", "failed"}});
  EXPECT_EQ(complaints.size(), 1u);
}

TEST_F(MetricsFile, NamesAtMostAThousandStages) {
  const auto metrics = make_metrics_file(folder / "run.prom", clock, source);
  send(*metrics, "run_started", "", {{"run", "r1"}, {"workflow", "demo"}, {"stages", 3000}});
  for (int i = 0; i < 3000; ++i)
    send(*metrics, "stage_started", "s" + std::to_string(i), {{"uses", "x"}, {"attempt", 1}});
  send(*metrics, "run_ended", "", {{"state", "failed"}});
  EXPECT_TRUE(has("presswork_instances{workflow=\"demo\",state=\"running\"} 3000"));
  std::size_t count = 0;
  const std::string all = text();
  for (std::size_t at = 0; (at = all.find("presswork_stage_attempts{", at)) != std::string::npos; ++at)
    ++count;
  EXPECT_EQ(count, 1000u);
}

}  // namespace
}  // namespace presswork::report
