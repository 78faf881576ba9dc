#include "plugins/modelkit/tokenizer/decoder.h"

#include <optional>

#include "plugins/modelkit/tokenizer/byte_level.h"
#include "plugins/modelkit/tokenizer/byte_token.h"
#include "plugins/modelkit/tokenizer/json_node.h"
#include "plugins/modelkit/tokenizer/metaspace.h"
#include "plugins/modelkit/tokenizer/pattern.h"

namespace presswork::modelkit {

namespace {

class Sequence final : public Decoder {
 public:
  Sequence(const JsonNode& node, int depth) {
    for (const JsonNode& part : node.at("decoders").elements()) {
      parts_.push_back(make_decoder(part, depth + 1));
    }
  }
  void apply(std::vector<std::string>& tokens) const override {
    for (const auto& part : parts_) {
      if (part) part->apply(tokens);
    }
  }

 private:
  std::vector<std::unique_ptr<Decoder>> parts_;
};

// All tokens are one text of bytes; what is not UTF-8 in it becomes U+FFFD.
class ByteLevel final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) {
      if (!byte_level::append_decoded(bytes, token)) bytes += token;
    }
    tokens.assign(1, utf8::find_invalid(bytes) == std::string::npos ? bytes : utf8::lossy(bytes));
  }
};

// A run of byte tokens is the text that it spells, or as many U+FFFD as it has bytes.
class ByteFallback final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::vector<std::string> out;
    out.reserve(tokens.size());
    std::string run;
    const auto flush = [&] {
      if (run.empty()) return;
      if (utf8::find_invalid(run) == std::string::npos) {
        out.push_back(run);
      } else {
        out.insert(out.end(), run.size(), "\xEF\xBF\xBD");
      }
      run.clear();
    };
    for (std::string& token : tokens) {
      if (const std::optional<char> byte = parse_byte_token(token)) {
        run += *byte;
      } else {
        flush();
        out.push_back(std::move(token));
      }
    }
    flush();
    tokens = std::move(out);
  }
};

class Fuse final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::string all;
    for (const std::string& token : tokens) all += token;
    tokens.assign(1, std::move(all));
  }
};

// Takes up to `start` and `stop` of one character from the ends of each token.
class Strip final : public Decoder {
 public:
  explicit Strip(const JsonNode& node)
      : start_(node.at("start").number(most)), stop_(node.at("stop").number(most)) {
    utf8::append(content_, node.at("content").character());
  }
  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      std::size_t begin = 0, end = token.size();
      for (auto left = start_; left > 0 && token.compare(begin, content_.size(), content_) == 0; --left) {
        begin += content_.size();
      }
      for (auto left = stop_; left > 0 && end >= begin + content_.size() &&
                              token.compare(end - content_.size(), content_.size(), content_) == 0;
           --left) {
        end -= content_.size();
      }
      token = token.substr(begin, end - begin);
    }
  }

 private:
  static constexpr std::int64_t most = 1'000'000;
  std::string content_;
  std::int64_t start_, stop_;
};

class Replace final : public Decoder {
 public:
  explicit Replace(const JsonNode& node)
      : pattern_(node.at("pattern")), content_(node.at("content").text()) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) token = pattern_.replace(token, content_);
  }

 private:
  Pattern pattern_;
  std::string content_;
};

class MetaspaceDecoder final : public Decoder {
 public:
  explicit MetaspaceDecoder(const JsonNode& node) : metaspace_(node) {}
  void apply(std::vector<std::string>& tokens) const override {
    const bool drops = metaspace_.scheme != Metaspace::Scheme::never;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string out;
      for (std::size_t at = 0; at < tokens[i].size();) {
        if (tokens[i].compare(at, metaspace_.mark.size(), metaspace_.mark) == 0) {
          if (i != 0 || !drops) out += ' ';
          at += metaspace_.mark.size();
        } else {
          out += tokens[i][at++];
        }
      }
      tokens[i] = std::move(out);
    }
  }

 private:
  Metaspace metaspace_;
};

}  // namespace

std::unique_ptr<Decoder> make_decoder(const JsonNode& node, int depth) {
  if (node.is_null()) return nullptr;
  check_nesting(node, depth);
  const std::string& type = node.at("type").text();
  if (type == "Sequence") return std::make_unique<Sequence>(node, depth);
  if (type == "ByteLevel") return std::make_unique<ByteLevel>();
  if (type == "ByteFallback") return std::make_unique<ByteFallback>();
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Strip") return std::make_unique<Strip>(node);
  if (type == "Replace") return std::make_unique<Replace>(node);
  if (type == "Metaspace") return std::make_unique<MetaspaceDecoder>(node);
  node.unknown_type("decoder", "Sequence, ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace");
}

}  // namespace presswork::modelkit
