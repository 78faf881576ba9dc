#include "plugins/modelkit/data/calibration_set.h"

#include <gmock/gmock.h>

#include "../modelkit_formats/support.h"
#include "plugins/modelkit/data/bundled_text.h"

namespace presswork::modelkit {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const fs::path kSource = PRESSWORK_SOURCE_DIR;

std::vector<std::string> texts(const CalibrationSet& set) {
  std::vector<std::string> texts;
  for (const auto& warning : set.warnings_json()) texts.push_back(warning.at("warning"));
  return texts;
}

class CalibrationText : public ::testing::Test {
 protected:
  CalibrationSet from(const std::string& text, const Sampling& sampling) {
    testing::write_file(folder_.path() / "text.txt", text);
    return calibration_set(tokenizer_, folder_.path() / "text.txt", sampling);
  }
  testing::TemporaryFolder folder_;
  Tokenizer tokenizer_ = Tokenizer::open(kSource / "examples/models/tiny-llama");
};

TEST_F(CalibrationText, TheBundledTextIsTheOneInExamplesAndServesWithoutWarning) {
  EXPECT_TRUE(bundled_calibration_text() == testing::read_file(kSource / "examples/text/calibration.txt"));
  const auto set = calibration_set(tokenizer_, std::nullopt, {.length = 256, .samples = 64});
  EXPECT_TRUE(set.bundled);
  EXPECT_EQ(set.windows.count(), 64U);
  EXPECT_THAT(texts(set), IsEmpty());
}

TEST_F(CalibrationText, AFileIsTakenAsItIs) {
  const std::string text = testing::read_file(kSource / "examples/text/eval.txt");
  const auto set = from(text, {.length = 128, .samples = 80});
  EXPECT_FALSE(set.bundled);
  const auto ids = tokenizer_.encode(text, false);
  EXPECT_TRUE(std::equal(set.windows.ids().begin(), set.windows.ids().end(), ids.begin()));
}

TEST_F(CalibrationText, WarnsOfTooLittleText) {
  const auto set = from(testing::read_file(kSource / "examples/text/eval.txt").substr(0, 3000),
                        {.length = 64, .samples = 128});
  EXPECT_THAT(texts(set), ElementsAre(HasSubstr("128 were asked for"), HasSubstr("only")));
}

TEST_F(CalibrationText, WarnsOfATextThatRepeatsItself) {
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "The same words again and again. ";
  EXPECT_THAT(texts(from(text, {.length = 256, .samples = 40})), ElementsAre(HasSubstr("repeats itself")));
}

TEST_F(CalibrationText, WarnsOfALanguageThatTheTokenizerCanOnlySpell) {
  std::string text;
  for (unsigned i = 0; i < 12000; ++i) {  // Hangul syllables, which the tiny model's tokenizer does not have
    const unsigned code = 0xAC00 + i * 7919 % 11000;
    text += {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
             static_cast<char>(0x80 | (code & 0x3F))};
  }
  EXPECT_THAT(texts(from(text, {.length = 256, .samples = 40})), ElementsAre(HasSubstr("spells")));
}

}  // namespace
}  // namespace presswork::modelkit
