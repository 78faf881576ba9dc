#include "orchestrator/executor/event_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/host/protocol.h"

namespace presswork::executor {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EventStreamTest : public ::testing::Test {
 protected:
  std::string line(base::Json event) {
    event["nonce"] = "n";
    return event.dump() + "\n";
  }
  EventStream stream_{1, "n"};
  Batch batch_;
};

TEST_F(EventStreamTest, an_event_may_come_in_pieces) {
  const std::string text = line({{"event", "log"}, {"level", "info"}, {"text", "hello"}});
  for (const char c : text) stream_.feed({&c, 1}, batch_);
  ASSERT_EQ(batch_.size(), 1u);
  EXPECT_EQ(std::get<HostEvent>(batch_[0]).text, "hello");
}

TEST_F(EventStreamTest, an_event_with_another_nonce_is_a_violation) {
  stream_.feed("{\"event\":\"done\",\"nonce\":\"m\",\"status\":\"ok\"}\n", batch_);
  EXPECT_THAT(stream_.violation(), HasSubstr("nonce"));
  EXPECT_FALSE(stream_.done());
}

TEST_F(EventStreamTest, an_unknown_kind_a_missing_field_and_a_wrong_type_are_violations) {
  for (const base::Json& event :
       {base::Json{{"event", "surprise"}}, base::Json{{"event", "log"}, {"level", "info"}},
        base::Json{{"event", "progress"}, {"done", "1"}, {"total", 1}, {"what", "x"}},
        base::Json{{"event", 5}},
        base::Json{
            {"event", "done"}, {"status", "ok"}, {"outputs", {{{"name", "a"}}}}, {"peak_memory_bytes", 1}}}) {
    EventStream stream(1, "n");
    stream.feed(line(event), batch_);
    EXPECT_NE(stream.violation(), "") << event;
  }
  EXPECT_THAT(batch_, IsEmpty());
}

TEST_F(EventStreamTest, an_endless_line_is_cut_off_without_being_kept) {
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 5; ++i) stream_.feed(piece, batch_);
  EXPECT_THAT(stream_.violation(), HasSubstr("more than"));
}

TEST_F(EventStreamTest, a_value_that_nests_too_deep_is_refused_before_it_is_parsed) {
  const std::string deep(100'000, '[');
  stream_.feed("{\"nonce\":\"n\",\"event\":\"metric\",\"name\":\"a\",\"value\":" + deep + "\n", batch_);
  EXPECT_THAT(stream_.violation(), HasSubstr("deeper"));
}

TEST_F(EventStreamTest, more_metrics_than_allowed_are_a_violation) {
  for (std::size_t i = 0; i <= host::max_metrics; ++i) {
    stream_.feed(line({{"event", "metric"}, {"name", std::to_string(i)}, {"value", 1}}), batch_);
  }
  EXPECT_THAT(stream_.violation(), HasSubstr("metrics"));
}

TEST_F(EventStreamTest, nothing_is_heard_after_the_done_record) {
  stream_.feed(line({{"event", "done"}, {"status", "ok"}, {"peak_memory_bytes", 7}}) +
                   line({{"event", "metric"}, {"name", "late"}, {"value", 1}}) + "junk\n",
               batch_);
  ASSERT_TRUE(stream_.done());
  EXPECT_EQ(stream_.done()->peak_memory_bytes, 7u);
  EXPECT_EQ(stream_.violation(), "");
  EXPECT_THAT(batch_, IsEmpty());
}

}  // namespace
}  // namespace presswork::executor
