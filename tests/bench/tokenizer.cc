// How fast a text becomes token ids and comes back, on one thread. tokenizer_speed.py runs it beside Hugging
// Face tokenizers.
//
//   build/dev/bin/bench_tokenizer MODEL_FOLDER TEXT [repeats]
#include "plugins/modelkit/tokenizer/tokenizer.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "plugins/modelkit/formats/json_text.h"

using presswork::modelkit::Tokenizer;

namespace {

void measure(const char* what, int repeats, std::size_t bytes, const std::function<std::size_t()>& action) {
  std::vector<double> seconds;
  std::size_t result = action();  // warm
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    result = action();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  const auto speed = [&](double time) { return static_cast<double>(bytes) / 1e6 / time; };
  std::printf("%-14s %8.2f MB/s (%.2f to %.2f)  %zu\n", what, speed(seconds[seconds.size() / 2]),
              speed(seconds.back()), speed(seconds.front()), result);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fputs("usage: bench_tokenizer MODEL_FOLDER TEXT [repeats]\n", stderr);
    return 2;
  }
  const int repeats = count > 3 ? std::atoi(arguments[3]) : 5;
  const std::string text = presswork::modelkit::read_text_file(arguments[2], std::uint64_t{1} << 30);
  const std::string file = presswork::modelkit::read_text_file(std::string(arguments[1]) + "/tokenizer.json",
                                                               std::uint64_t{1} << 30);
  measure("open", repeats, file.size(),
          [&] { return static_cast<std::size_t>(Tokenizer::parse(file, "tokenizer.json").vocab_size()); });
  const Tokenizer tokenizer = Tokenizer::open(arguments[1]);
  std::vector<std::int32_t> ids;
  measure("encode, whole", repeats, text.size(), [&] {
    ids = tokenizer.encode(text, false);
    return ids.size();
  });
  measure("encode, lines", repeats, text.size(), [&] {
    std::size_t tokens = 0;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
      tokens += tokenizer.encode(std::string_view(text).substr(at, end - at), false).size();
      at = end;
    }
    return tokens;
  });
  measure("decode", repeats, text.size(), [&] { return tokenizer.decode(ids, false).size(); });
  return 0;
}
