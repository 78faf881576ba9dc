// A Pratt parser: each binary operator has a binding power, and an operand is parsed with the power that it
// must at least have.
#include <algorithm>
#include <array>
#include <utility>

#include "orchestrator/workflow/expression_lexer.h"
#include "orchestrator/workflow/expression_tree.h"
#include "orchestrator/workflow/position.h"

namespace presswork::workflow::detail {

namespace {

using Node = Expression::Node;
using Kind = Node::Kind;

constexpr std::size_t max_length = 4096;
constexpr int max_depth = 64;

int power_of(const Token& token) {
  static constexpr std::pair<std::string_view, int> powers[] = {
      {"||", 1}, {"&&", 2}, {"==", 3}, {"!=", 3}, {"<", 4}, {"<=", 4}, {">", 4},
      {">=", 4}, {"+", 5},  {"-", 5},  {"*", 6},  {"/", 6}, {"%", 6}};
  if (token.kind == Token::Kind::word) return token.text == "in" ? 4 : 0;
  if (token.kind != Token::Kind::symbol) return 0;
  for (const auto& [symbol, power] : powers) {
    if (token.text == symbol) return power;
  }
  return 0;
}

std::string shown(const Token& token) {
  if (token.kind == Token::Kind::end) return "the end of the expression";
  return token.kind == Token::Kind::literal
             ? token.value.dump(-1, ' ', false, base::Json::error_handler_t::replace)
             : "\"" + token.text + "\"";
}

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  NodePtr parse() {
    NodePtr root = conditional();
    if (lexer_.peek().kind != Token::Kind::end) {
      fault(lexer_.peek(), "expected an operator, got " + shown(lexer_.peek()));
    }
    return root;
  }

 private:
  [[noreturn]] static void fault(const Token& at, std::string message, std::string hint = {}) {
    throw ExpressionFault{at.offset, std::move(message), std::move(hint)};
  }

  static NodePtr make(Kind kind, std::size_t offset, std::vector<NodePtr> children, std::string word = {}) {
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->offset = offset;
    node->children = std::move(children);
    node->word = std::move(word);
    return node;
  }

  bool at(std::string_view symbol) const {
    return lexer_.peek().kind == Token::Kind::symbol && lexer_.peek().text == symbol;
  }

  void expect(std::string_view symbol) {
    if (!at(symbol))
      fault(lexer_.peek(), "expected \"" + std::string(symbol) + "\", got " + shown(lexer_.peek()));
    lexer_.take();
  }

  NodePtr conditional() {
    Deeper deeper(*this);
    NodePtr condition = binary(1);
    if (!at("?")) return condition;
    const std::size_t offset = lexer_.take().offset;
    NodePtr yes = conditional();
    expect(":");
    return make(Kind::conditional, offset, {std::move(condition), std::move(yes), conditional()});
  }

  NodePtr binary(int least) {
    NodePtr left = unary();
    bool compared = false;
    for (int power = power_of(lexer_.peek()); power >= least && power > 0; power = power_of(lexer_.peek())) {
      const Token symbol = lexer_.take();
      const bool compares = power == 3 || power == 4;
      if (compares && compared && power == 4) {
        fault(symbol, "comparisons cannot be chained", "write \"a < b && b < c\"");
      }
      compared = compares;
      NodePtr right = binary(power + 1);
      left = make(Kind::binary, symbol.offset, {std::move(left), std::move(right)}, symbol.text);
    }
    return left;
  }

  NodePtr unary() {
    Deeper deeper(*this);
    if (at("-") || at("!")) {
      const Token symbol = lexer_.take();
      return make(symbol.text == "-" ? Kind::negate : Kind::invert, symbol.offset, {unary()});
    }
    return postfix(primary());
  }

  // x.contains("y") is contains(x, "y"); x[0] is an item of a list, x["key"] a member of an object.
  NodePtr postfix(NodePtr node) {
    while (at(".") || at("[")) {
      if (at("[")) {
        const std::size_t offset = lexer_.take().offset;
        NodePtr position = conditional();
        expect("]");
        node = make(Kind::index, offset, {std::move(node), std::move(position)}, "[]");
        continue;
      }
      lexer_.take();
      const Token word = lexer_.take();
      if (word.kind != Token::Kind::word || !at("(")) fault(word, "expected a function, got " + shown(word));
      node = call(word, std::move(node));
    }
    return node;
  }

  NodePtr primary() {
    const Token token = lexer_.take();
    if (token.kind == Token::Kind::literal) return literal(token.offset, token.value);
    if (token.kind == Token::Kind::word) return word(token);
    if (token.kind == Token::Kind::symbol && token.text == "(") {
      NodePtr inner = conditional();
      expect(")");
      return inner;
    }
    if (token.kind == Token::Kind::symbol && token.text == "[") {
      return make(Kind::list, token.offset, sequence("]"));
    }
    fault(token, "expected a value, got " + shown(token));
  }

  static NodePtr literal(std::size_t offset, base::Json value) {
    auto node = std::make_shared<Node>();
    node->offset = offset;
    node->value = std::move(value);
    return node;
  }

  std::vector<NodePtr> sequence(std::string_view close) {
    std::vector<NodePtr> items;
    while (!at(close)) {
      if (!items.empty()) expect(",");
      items.push_back(conditional());
    }
    lexer_.take();
    return items;
  }

  NodePtr word(const Token& token) {
    if (token.text == "true" || token.text == "false") return literal(token.offset, token.text == "true");
    if (token.text == "null") return literal(token.offset, nullptr);
    if (token.text == "in") fault(token, "expected a value, got \"in\"");
    if (token.text == "and" || token.text == "or" || token.text == "not") {
      fault(token, "unexpected \"" + token.text + "\"", "write && for and, || for or, ! for not");
    }
    if (at("(")) return call(token, nullptr);
    auto node = std::make_shared<Node>();
    node->kind = Kind::name;
    node->offset = token.offset;
    node->name.column = static_cast<int>(token.offset) + 1;
    node->name.parts = {token.text};
    while (at(".")) {
      lexer_.take();
      const Token part = lexer_.take();
      if (part.kind != Token::Kind::word) fault(part, "expected a name after \".\", got " + shown(part));
      if (at("(")) return postfix(call(part, std::move(node)));
      node->name.parts.push_back(part.text);
    }
    return node;
  }

  NodePtr call(const Token& word, NodePtr receiver) {
    const Function* function = find_function(word.text);
    if (function == nullptr) {
      fault(word, "unknown function \"" + word.text + "\"", suggest(word.text, function_names()));
    }
    expect("(");
    std::vector<NodePtr> arguments = sequence(")");
    if (receiver) arguments.insert(arguments.begin(), std::move(receiver));
    if (arguments.size() < function->least || arguments.size() > function->most) {
      fault(word, word.text + "() got " + std::to_string(arguments.size()) + " arguments",
            "it is written " + std::string(function->usage));
    }
    if (word.text == "has" && arguments[0]->kind != Kind::name) {
      fault(word, "has() asks for a name", "it is written " + std::string(function->usage));
    }
    return make(Kind::call, word.offset, std::move(arguments), word.text);
  }

  struct Deeper {
    explicit Deeper(Parser& parser) : parser_(parser) {
      if (++parser_.depth_ > max_depth) fault(parser_.lexer_.peek(), "the expression is nested too deeply");
    }
    ~Deeper() { --parser_.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    Parser& parser_;
  };

  Lexer lexer_;
  int depth_ = 0;
};

constexpr std::size_t any_number = max_length;
constexpr std::array<Function, 15> functions{{
    {"min", 1, any_number, "min(a, b, …)"},
    {"max", 1, any_number, "max(a, b, …)"},
    {"abs", 1, 1, "abs(number)"},
    {"floor", 1, 1, "floor(number)"},
    {"ceil", 1, 1, "ceil(number)"},
    {"round", 1, 1, "round(number)"},
    {"size", 1, 1, "size(text, list or object)"},
    {"contains", 2, 2, "contains(text, part) or contains(list, item)"},
    {"startsWith", 2, 2, "startsWith(text, beginning)"},
    {"endsWith", 2, 2, "endsWith(text, end)"},
    {"first", 1, any_number, "first(a.metrics.x, b.metrics.x, …)"},
    {"has", 1, 1, "has(stage.metrics.x)"},
    {"int", 1, 1, "int(value)"},
    {"double", 1, 1, "double(value)"},
    {"string", 1, 1, "string(value)"},
}};

}  // namespace

const Function* find_function(std::string_view name) {
  const auto* found =
      std::find_if(functions.begin(), functions.end(), [&](const Function& f) { return f.name == name; });
  return found == functions.end() ? nullptr : &*found;
}

std::vector<std::string> function_names() {
  std::vector<std::string> names;
  for (const Function& function : functions) names.emplace_back(function.name);
  return names;
}

NodePtr parse_expression(std::string_view text) {
  if (text.size() > max_length) {
    throw ExpressionFault{0, "the expression is longer than " + std::to_string(max_length) + " characters",
                          "split it into several decisions or checks"};
  }
  return Parser(text).parse();
}

}  // namespace presswork::workflow::detail
