#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

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
  EXPECT_THAT(where_refused(write("bad.txt", "abc\xFF")), testing::HasSubstr("offset 3"));
  EXPECT_THAT(where_refused(write("empty.txt", "")), testing::HasSubstr("no text"));
  EXPECT_THAT(where_refused(write("a.jsonl", "{\"text\":\"a\"}\n[1]\n")), testing::HasSubstr("a.jsonl:2"));
  EXPECT_THAT(where_refused(write("b.jsonl", "{\"text\":1}\n")), testing::HasSubstr("b.jsonl:1"));
  EXPECT_THAT(where_refused(folder_ / "none.txt"), testing::HasSubstr("no such file"));
  EXPECT_THAT(where_refused(folder_), testing::HasSubstr("no such file"));
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

}  // namespace
}  // namespace presswork::modelkit
