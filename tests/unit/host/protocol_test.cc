// What the host says, line by line, against schemas/host-event.schema.json. The call runs in this process.
#include "orchestrator/host/protocol.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "orchestrator/base/json_schema.h"
#include "orchestrator/host/call.h"
#include "support/child.h"

namespace presswork::host {
namespace {

using ::testing::ElementsAre;

class ProtocolTest : public ::testing::Test {
 protected:
  ProtocolTest() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
    channel_ = std::make_unique<Channel>(ends_[1]);
    channel_->set_nonce("the nonce");
    std::filesystem::create_directories(folder_.path() / "work");
    std::filesystem::create_directories(folder_.path() / "scratch");
    request_.verb = "run";
    request_.plugin = std::string(PRESSWORK_BINARY_DIR) + "/tests/plugins/test-echo.so";
    request_.stage = "test/echo";
    request_.parameters = {{"value", 1},      {"milliseconds", 0}, {"steps", 1},     {"fail", ""},
                           {"fail_times", 0}, {"file", ""},        {"reference", ""}};
    request_.work_dir = folder_.path() / "work";
    request_.scratch_dir = folder_.path() / "scratch";
  }
  ~ProtocolTest() override { ::close(ends_[0]); }

  // Performs the request and returns every event, the done record last, each valid by the schema.
  std::vector<Json> events() {
    Json done = perform(request_, *channel_);
    done["peak_memory_bytes"] = 1;  // main() adds it
    channel_->send(done);
    static char buffer[1 << 16];
    const ssize_t got = ::recv(ends_[0], buffer, sizeof buffer, 0);
    std::istringstream lines(std::string(buffer, static_cast<std::size_t>(got)));
    std::ifstream file(std::string(PRESSWORK_SOURCE_DIR) + "/schemas/host-event.schema.json");
    const Json schema = Json::parse(file);
    std::vector<Json> events;
    for (std::string line; std::getline(lines, line);) {
      events.push_back(Json::parse(line));
      for (const auto& error : base::validate(schema, events.back())) {
        ADD_FAILURE() << line << "\n" << error.pointer << ": " << error.message;
      }
    }
    return events;
  }

  testing::TemporaryFolder folder_;
  int ends_[2];
  std::unique_ptr<Channel> channel_;
  Request request_;
};

TEST_F(ProtocolTest, a_run_speaks_by_the_schema_and_every_line_has_the_nonce) {
  std::vector<std::string> kinds;
  for (const Json& event : events()) {
    kinds.push_back(event["event"]);
    EXPECT_EQ(event["nonce"], "the nonce");
  }
  EXPECT_THAT(kinds, ElementsAre("loaded", "metric", "progress", "metric", "log", "done"));
}

TEST_F(ProtocolTest, a_failure_speaks_by_the_schema) {
  request_.parameters["fail"] = "io";
  const Json done = events().back();
  EXPECT_EQ(done["status"], "failed");
  EXPECT_EQ(done["code"], "io");
}

TEST_F(ProtocolTest, descriptions_and_estimates_speak_by_the_schema) {
  request_.verb = "describe";
  EXPECT_EQ(events().back()["document"]["stages"].size(), 1u);
  request_.verb = "plan";
  EXPECT_EQ(events().back()["document"]["cores"], 1);
}

TEST_F(ProtocolTest, a_refusal_speaks_by_the_schema) {
  request_.plugin = "/nowhere/plugin.so";
  EXPECT_EQ(events().back()["code"], "plugin_refused");
}

TEST_F(ProtocolTest, the_private_descriptor_is_out_of_the_way_of_children) {
  EXPECT_EQ(::fcntl(ends_[1], F_GETFD), -1) << "it stayed where children would find it";
}

TEST(RequestTest, what_is_no_request_is_refused) {
  for (const char* line : {"", "{}", "[1]", "{\"nonce\": 5}", "{\"nonce\": \"a\", \"verb\": \"run\"}"}) {
    EXPECT_FALSE(parse_request(line)) << line;
  }
  const auto with_seed = [](const std::string& seed) {
    return R"({"nonce": "n", "verb": "run", "plugin": "/p.so", "stage": "a/b", "parameters": {}, "inputs": {},
        "work_dir": "/w", "scratch_dir": "/s", "threads": 1, "memory": 0, "enforce_memory": false,
        "run_facts": null, "seed": )" +
           seed + "}";
  };
  EXPECT_TRUE(parse_request(with_seed("18446744073709551615")));
  for (const char* seed : {"18446744073709551616", "1e30", "0.5", "-1"}) {
    EXPECT_FALSE(parse_request(with_seed(seed))) << seed;
  }
}

}  // namespace
}  // namespace presswork::host
