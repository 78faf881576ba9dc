// Text in aligned columns, two blanks apart.
#pragma once

#include <string>
#include <vector>

namespace presswork::report {

class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell a column; missing ones are empty. A cell is one line.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // Title line (left out when all titles are empty) and rows, each ended by a newline, no blanks at the end
  // of a line. Columns in which every cell is empty are left out. `indent` blanks stand before each line.
  std::string text(std::size_t indent = 0) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace presswork::report
