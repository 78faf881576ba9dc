// Colour and glyphs, or their absence.
#pragma once

#include <string>
#include <string_view>

namespace presswork::report {

struct Style {
  bool colour = false;
  bool unicode = false;

  std::string bold(std::string_view text) const { return paint("1", text); }
  std::string dim(std::string_view text) const { return paint("2", text); }
  std::string red(std::string_view text) const { return paint("31", text); }
  std::string green(std::string_view text) const { return paint("32", text); }
  std::string yellow(std::string_view text) const { return paint("33", text); }
  std::string cyan(std::string_view text) const { return paint("36", text); }

  // A state of a run, an instance or a check in its colour.
  std::string state(std::string_view text) const;

  std::string glyph(std::string_view pretty, std::string_view plain) const {
    return std::string(unicode ? pretty : plain);
  }

 private:
  std::string paint(std::string_view code, std::string_view text) const;
};

}  // namespace presswork::report
