// A small, typed, pure subset of CEL: no clock, environment, files or randomness.
//
//   literals      1  2.5  "text"  'text'  true  false  null  [a, b]
//   names         params.x   stage.metrics.y   decision.branch
//   operators     ?:  ||  &&  ! == != < <= > >= in  + - * / %  unary -   ( )
//   functions     min max abs floor ceil round size contains startsWith endsWith first has int double string
//                 (x.contains(y) is contains(x, y), and so on)
//
// "/" always divides exactly (7 / 2 is 3.5), whether its operands are written as integers or not: a parameter
// of type number may well hold 16. int(7 / 2) is 3. && || ?: first has evaluate no more than they need.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/error.h"
#include "orchestrator/base/json.h"

namespace presswork::workflow {

// The static type of an expression. `any` is decided when the value is known (a metric that its stage does
// not declare).
enum class Type { any, boolean, integer, number, string, list, object, null };
std::string_view to_string(Type type);

// A dotted name as it stands in the text: {"analyze", "metrics", "perplexity"}.
struct Name {
  std::vector<std::string> parts;
  int column = 0;        // in the expression, from 1
  bool guarded = false;  // asked for with has(…), or in first(…): it may be missing
  std::string text() const;
};

// Looks a name up: its type before the run, its value during it.
using TypeOf = std::function<Type(const Name&)>;                        // throws Error for unknown names
using ValueOf = std::function<std::optional<base::Json>(const Name&)>;  // nothing: not available (skipped)

class Expression {
 public:
  // Throws Error{invalid_workflow} at `where` (its column moved to the fault) for a syntax error.
  static Expression parse(std::string_view text, const base::Where& where);

  // Checks operand types; throws Error{invalid_workflow}.
  Type check(const TypeOf& type_of) const;

  // Throws Error{stage_failed} when a name has no value, on NaN or infinity, division by zero, integer
  // overflow.
  base::Json evaluate(const ValueOf& value_of) const;

  const std::vector<Name>& names() const;
  const std::string& text() const;
  const base::Where& where() const;
  base::Where where(const Name& name) const;  // of a name in it

  struct Node;  // the syntax tree: expression_tree.h

 private:
  std::shared_ptr<const Node> root_;
  std::shared_ptr<const std::vector<Name>> names_;
  std::string text_;
  base::Where where_;
};

// A YAML value in which strings may hold `${{ expression }}`: alone, the expression's value takes the
// string's place; inside other text, it is put in as text.
class Template {
 public:
  Template() = default;
  // `where_of` gives the position of the value at a JSON pointer inside `value`.
  // `key_where_of` that of the key which the pointer ends in (where_of's answer unless given).
  static Template parse(const base::Json& value,
                        const std::function<base::Where(const std::string&)>& where_of,
                        const std::function<base::Where(const std::string&)>& key_where_of = {});

  bool is_literal() const { return expressions_.empty(); }
  bool is_known(const ValueOf& value_of) const;  // whether all that it reads has a value
  const base::Json& source() const { return source_; }
  // Every expression in it, with the JSON pointer of the string that it stands in.
  struct Hole {
    std::string pointer;
    std::size_t begin = 0, end = 0;  // of "${{ … }}" in that string
    bool whole = false;              // the string is nothing but this hole
    Expression expression;
  };
  const std::vector<Hole>& holes() const { return expressions_; }
  base::Json evaluate(const ValueOf& value_of) const;
  // Where the value at a JSON pointer inside source() stands in the workflow file, and the key it ends in.
  base::Where where(const std::string& pointer) const {
    return where_of_ ? where_of_(pointer) : base::Where{};
  }
  base::Where key_where(const std::string& pointer) const {
    return key_where_of_ ? key_where_of_(pointer) : where(pointer);
  }

 private:
  base::Json source_;
  std::vector<Hole> expressions_;
  std::function<base::Where(const std::string&)> where_of_, key_where_of_;
};

}  // namespace presswork::workflow
