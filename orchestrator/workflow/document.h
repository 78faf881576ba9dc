// A YAML text as a tree of values that know where they stand.
//
// The YAML 1.2 core schema decides types: only true/false (and True, TRUE, …) are booleans, `yes` and `no`
// are text; whatever is in quotes is text. Anchors and aliases work within bounds; tags, merge keys, several
// documents, keys given twice and numbers that do not fit are errors.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/error.h"
#include "orchestrator/base/json.h"

namespace presswork::workflow {

struct Mark {
  int line = 0;    // from 0
  int column = 0;  // from 0, in bytes
};

struct YamlNode;
using YamlPtr = std::shared_ptr<const YamlNode>;

struct YamlEntry {
  std::string key;
  Mark key_mark;
  YamlPtr value;
};

struct YamlNode {
  enum class Kind { scalar, list, map };
  Kind kind = Kind::scalar;
  Mark mark;
  base::Json scalar;               // kind scalar: null, boolean, number or text
  std::vector<YamlPtr> items;      // kind list
  std::vector<YamlEntry> entries;  // kind map, in the order of the text
  std::size_t size = 1;            // nodes in the tree below and including this one, aliases written out
  std::size_t depth = 1;           // levels below and including this one

  const YamlEntry* find(std::string_view key) const;
};

base::Json to_json(const YamlNode& node);

class Document {
 public:
  static constexpr std::size_t max_bytes = 32u << 20;
  static constexpr std::size_t max_nodes = 2'000'000;
  static constexpr std::size_t max_depth = 64;

  // Throws Error{invalid_workflow} at the first fault; `file` is the name shown in errors.
  static std::shared_ptr<const Document> parse(std::string_view text, const std::string& file);

  const YamlNode& root() const { return *root_; }

  base::Where where(const Mark& mark) const;
  base::Where where(const YamlNode& node) const { return where(node.mark); }
  // The value at a JSON pointer below `start`; the nearest one above it that exists.
  base::Where where(const YamlNode& start, std::string_view pointer) const;
  // The key that the pointer ends in; for a list item the item.
  base::Where key_where(const YamlNode& start, std::string_view pointer) const;

 private:
  std::string_view line(int number) const;

  std::string text_;
  std::string file_;
  std::vector<std::size_t> lines_;  // where each line starts
  YamlPtr root_;
};

// The parts of a JSON pointer, unescaped.
std::vector<std::string> pointer_parts(std::string_view pointer);
std::string pointer_escaped(std::string_view part);

}  // namespace presswork::workflow
