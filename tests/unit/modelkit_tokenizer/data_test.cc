#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "plugins/modelkit/data/json_lines.h"
#include "plugins/modelkit/data/random.h"
#include "plugins/modelkit/data/text.h"
#include "plugins/modelkit/data/token_windows.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

using testing::ElementsAre;

class TextFile : public testing::Test {
 protected:
  TextFile() : folder_(testing::TempDir() + "presswork_text_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~TextFile() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  std::string where_refused(const std::filesystem::path& path) {
    try {
      read_text(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.code, "invalid_input");
      return error.what();
    }
    return "accepted";
  }

  std::filesystem::path folder_;
};

TEST_F(TextFile, PlainTextIsReadAsItIs) {
  EXPECT_EQ(read_text(write("a.txt", "one\r\ntwo\n")), "one\r\ntwo\n");
}

TEST_F(TextFile, JsonLinesAreDocuments) {
  const auto path =
      write("a.jsonl", "{\"text\":\"one\"}\n\n{\"text\":\"\"}\r\n{\"id\":2,\"text\":\"tw\\u00f6\"}");
  EXPECT_THAT(read_documents(path), ElementsAre("one", "twö"));
  EXPECT_EQ(read_text(path), "one\n\ntwö");
}

TEST_F(TextFile, WhatIsNoTextIsRefusedWithItsPlace) {
  EXPECT_THAT(where_refused(write("bad.txt", "abc\xFF")),
              testing::AllOf(testing::HasSubstr("offset 3"), testing::HasSubstr("bad.txt:1:4")));
  EXPECT_THAT(where_refused(write("bad2.txt", "ab\ncd\nxyz\xFF")), testing::HasSubstr("bad2.txt:3:4"));
  EXPECT_THAT(where_refused(write("empty.txt", "")), testing::HasSubstr("no text"));
  EXPECT_THAT(where_refused(write("a.jsonl", "{\"text\":\"a\"}\n[1]\n")), testing::HasSubstr("a.jsonl:2"));
  EXPECT_THAT(where_refused(write("b.jsonl", "{\"text\":1}\n")), testing::HasSubstr("b.jsonl:1"));
  EXPECT_THAT(where_refused(write("c.jsonl", "\n{\"text\": \"a\" \"b\"}\n")),
              testing::HasSubstr("c.jsonl:2:"));
  EXPECT_THAT(where_refused(write("d.jsonl", "{\"id\":1}\n")), testing::HasSubstr("no \"text\""));
  EXPECT_THAT(where_refused(folder_ / "none.txt"), testing::HasSubstr("no such file"));
  EXPECT_THAT(where_refused(folder_), testing::HasSubstr("not a regular file"));
}

TEST(JsonLines, ReadOnlyTheTextOfTheOutermostObject) {
  EXPECT_THAT(
      parse_json_lines("\xEF\xBB\xBF{\"a\":{\"text\":\"no\"},\"b\":[{\"text\":1}],\"text\":\"yes\"}\n", "x"),
      ElementsAre("yes"));
  EXPECT_THAT(parse_json_lines("", "x"), testing::IsEmpty());
}

TEST(JsonLines, RefuseWhatCannotBeMeant) {
  for (const char* line : {"{\"text\":\"a\",\"text\":\"b\"}", "{\"text\":null}", "{\"text\":[\"a\"]}",
                           "[\"text\"]", "\"text\"", "12", "{\"text\":\"\\ud800\"}", "{\"text\":\"a\"} 1"}) {
    EXPECT_THROW(parse_json_lines(line, "x"), Error) << line;
  }
}

TEST(JsonLines, NestingWithoutEndTakesNoStack) {
  std::string line = "{\"a\":" + std::string(4'000'000, '[');
  EXPECT_THROW(parse_json_lines(line, "x"), Error);
}

TEST(TokenWindows, DropTheTail) {
  const TokenWindows windows({1, 2, 3, 4, 5, 6, 7}, 3);
  ASSERT_EQ(windows.count(), 2U);
  EXPECT_THAT(windows[1], ElementsAre(4, 5, 6));
  EXPECT_EQ(windows.ids().size(), 6U);
  EXPECT_EQ(TokenWindows({1, 2, 3, 4}, 1, 2).count(), 2U);
}

TEST(TokenWindows, ATextShorterThanAWindowIsRefused) {
  EXPECT_THROW(TokenWindows({1, 2}, 3), Error);
  EXPECT_THROW(TokenWindows({1, 2}, 0), Error);
}

TEST(TokenWindows, TheDigestIsTheSha256OfTheIdsAsLittleEndianIntegers) {
  // hashlib.sha256(numpy.asarray([1, 2, 3, 4, 256, 65536], "<i4").tobytes()).hexdigest()
  EXPECT_EQ(TokenWindows({1, 2, 3, 4, 256, 65536, 9}, 3).digest(),
            "sha256:f1ebe4718958b2b01594be8c47f42d331ed59f4368152b5e6652d05cba5c1900");
}

class Sampled : public testing::Test {
 protected:
  static std::vector<std::int32_t> ids_of(const TokenWindows& windows) {
    return {windows.ids().begin(), windows.ids().end()};
  }

  const std::filesystem::path source_ = PRESSWORK_SOURCE_DIR;
  const Tokenizer tokenizer_ = Tokenizer::open(source_ / "examples/models/tiny-llama");
  const std::filesystem::path text_ = source_ / "examples/text/calibration.txt";
  const std::vector<std::string> documents_{
      "A first document of a few words.", "short",
      "And a second one that is somewhat longer than the first, so that it fills more windows."};
};

TEST_F(Sampled, TheFirstWindowsAreThoseOfTheWholeTextInOrder) {
  const auto ids = tokenizer_.encode(read_text(text_), false);
  const auto windows = read_windows(tokenizer_, text_, {.length = 256, .samples = 16});
  ASSERT_EQ(windows.count(), 16U);
  EXPECT_EQ(ids_of(windows), std::vector<std::int32_t>(ids.begin(), ids.begin() + 16 * 256));
}

TEST_F(Sampled, DrawnWindowsAreDistinctWindowsOfTheGridAndTheSeedDecides) {
  const auto all = read_windows(tokenizer_, text_, {.length = 64});
  const auto sample = [&](std::uint64_t seed) {
    return read_windows(tokenizer_, text_, {.length = 64, .samples = 20, .draw = Draw::Random, .seed = seed});
  };
  const auto drawn = sample(7);
  ASSERT_EQ(drawn.count(), 20U);
  std::size_t place = 0;
  for (std::size_t w = 0; w < drawn.count(); ++w) {
    const auto equal = [&](std::size_t i) {
      return std::equal(all[i].begin(), all[i].end(), drawn[w].begin());
    };
    while (place < all.count() && !equal(place)) ++place;
    ASSERT_LT(place++, all.count()) << "window " << w << " is not of the grid, or out of order";
  }
  EXPECT_EQ(drawn.digest(), sample(7).digest());
  EXPECT_NE(drawn.digest(), sample(8).digest());
}

TEST_F(Sampled, DrawingEachWindowOnceTakesThemAll) {
  const auto all = read_windows(tokenizer_, text_, {.length = 64});
  EXPECT_EQ(
      read_windows(tokenizer_, text_, {.length = 64, .samples = 1u << 30, .draw = Draw::Random}).digest(),
      all.digest());
}

TEST_F(Sampled, SeparateDocumentsShareNoWindow) {
  constexpr std::size_t kLength = 4;
  std::vector<std::int32_t> expected;
  for (const auto& document : documents_) {
    auto ids = tokenizer_.encode(document, false);
    ids.resize(ids.size() / kLength * kLength);
    expected.insert(expected.end(), ids.begin(), ids.end());
  }
  const Sampling separate{.length = kLength, .documents = Documents::Separate};
  EXPECT_EQ(ids_of(sample_windows(tokenizer_, documents_, separate)), expected);
  const auto packed = sample_windows(tokenizer_, documents_, {.length = kLength});
  const auto joined_ids = tokenizer_.encode(joined(documents_), false);
  EXPECT_EQ(packed.count(), joined_ids.size() / kLength);
}

TEST_F(Sampled, DocumentsThatAreAllTooShortAreCounted) {
  try {
    sample_windows(tokenizer_, documents_, {.length = 500, .documents = Documents::Separate});
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, "invalid_input");
    EXPECT_THAT(error.message, testing::HasSubstr("none of the 3 documents"));
  }
}

TEST(Random, IsSplitmix64) {
  // Vigna's splitmix64.c from state 1234567.
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317U);
  EXPECT_EQ(random.next(), 3203168211198807973U);
}

}  // namespace
}  // namespace presswork::modelkit
