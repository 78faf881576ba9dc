// report/compare: two reports side by side.
#pragma once

#include <filesystem>
#include <string>

#include "presswork/stage.hpp"

namespace presswork {

class ReportCompare : public Stage {
 public:
  static constexpr const char* id = "report/compare";
  static Json describe();
  void run(const Context& context) override;
};

void write_text(const std::filesystem::path& path, const std::string& text);  // throws Error "io"

}  // namespace presswork
