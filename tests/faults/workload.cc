#include "faults/workload.h"

#include <fstream>
#include <set>
#include <sstream>

#include "faults/command.h"
#include "support/child.h"

namespace presswork::faults {

namespace {

int draw(std::mt19937& random, int from, int to) {
  return from + static_cast<int>(random() % static_cast<unsigned>(to - from + 1));
}

class Writer {
 public:
  Writer(std::mt19937& random, const std::filesystem::path& journal) : random_(random), journal_(journal) {
    text_ << "presswork: 1\nname: campaign\nstages:\n";
  }

  // `name` goes into the journal and may hold expressions.
  std::string work(const std::string& name, const std::set<std::string>& inputs) {
    std::ostringstream text;
    text << "uses: test/work, with: {name: \"" << name << "\", journal: \"" << journal_.string()
         << "\", milliseconds: " << draw(random_, 0, 40) << ", bytes: " << (1 << draw(random_, 3, 16));
    const bool crashes = draw(random_, 0, 5) == 0;
    if (crashes) text << ", crashes: 1";
    if (draw(random_, 0, 7) == 0) text << ", children: true";
    text << "}";
    if (crashes) text << ", retry: {attempts: 3, backoff: 1ms}";
    if (!inputs.empty()) {
      text << ", inputs: {";
      int number = 0;
      for (const std::string& input : inputs) {
        text << (number > 0 ? ", " : "") << "in" << number << ": " << input;
        ++number;
      }
      text << "}";
    }
    return text.str();
  }

  void stage(const std::string& id, const std::string& body) {
    text_ << "  " << id << ": {" << body << "}\n";
  }
  void lines(const std::string& lines) { text_ << lines; }
  std::string text() const { return text_.str(); }

 private:
  std::mt19937& random_;
  std::filesystem::path journal_;
  std::ostringstream text_;
};

// Up to three outputs of the stages s0 … s(before-1).
std::set<std::string> some_outputs(std::mt19937& random, int before) {
  std::set<std::string> outputs;
  for (int i = draw(random, 0, 3); i > 0 && before > 0; --i) {
    outputs.insert("s" + std::to_string(draw(random, 0, before - 1)) + ".text");
  }
  return outputs;
}

void add_decision(Writer& writer, std::mt19937& random) {
  writer.stage("way", "decide: [{when: \"s0.metrics.value < " + std::to_string(draw(random, 20, 80)) +
                          "\", then: low}, {default: high}]");
  for (const std::string branch : {"low", "high"}) {
    writer.stage(branch, writer.work(branch, {"s0.text"}) + ", after: [way." + branch + "]");
  }
  writer.stage("joined", writer.work("joined", {"\"first(low.text, high.text)\""}));
}

void add_matrix(Writer& writer) {
  const std::string cell = "${{ matrix.i }}-${{ matrix.j }}";
  writer.stage("fan", writer.work("fan-" + cell, {"s0.text"}) + ", matrix: {i: [1, 2, 3], j: [1, 2]}");
  writer.stage("follow", writer.work("follow-" + cell, {"fan.text"}) + ", matrix: {from: fan}");
  writer.stage("best", "select: {from: follow, minimize: follow.metrics.value}");
  writer.stage("chosen", writer.work("chosen", {"best.text"}));
}

void add_loop(Writer& writer, std::mt19937& random) {
  writer.lines(
      "  tune:\n    loop:\n      max: 4\n      state: {n: {type: integer, initial: 0}}\n      body:\n");
  writer.lines("        try: {" + writer.work("try-${{ state.n }}", {"s0.text"}) + "}\n");
  writer.lines("        look: {" + writer.work("look-${{ state.n }}", {"try.text"}) + "}\n");
  writer.lines("      decide:\n        - {when: \"look.metrics.value < " +
               std::to_string(draw(random, 10, 60)) +
               "\", then: break}\n        - {default: continue, set: {n: \"${{ state.n + 1 }}\"}}\n");
  writer.lines("      on_exhausted: last\n      outputs: {text: look.text}\n");
  writer.stage("tuned", writer.work("tuned", {"tune.text"}));
}

bool is_valid(const std::string& stages) {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "probe.yaml";
  std::ofstream(file) << stages;
  return testing::run_to_end(presswork({"validate", file.string()}, folder.path() / "ws")) == 0;
}

}  // namespace

Features features_of_engine() {
  std::mt19937 random(1);
  Writer matrix(random, "journal"), loop(random, "journal");
  matrix.stage("s0", matrix.work("s0", {}));
  add_matrix(matrix);
  loop.stage("s0", loop.work("s0", {}));
  add_loop(loop, random);
  return {is_valid(matrix.text()), is_valid(loop.text())};
}

std::string make_workflow(std::mt19937& random, int stages, const Features& features,
                          const std::filesystem::path& journal) {
  Writer writer(random, journal);
  for (int i = 0; i < stages; ++i) {
    const std::string id = "s" + std::to_string(i);
    writer.stage(id, writer.work(id, some_outputs(random, i)));
  }
  add_decision(writer, random);
  // Not each time: a short campaign has time for several workflows.
  if (features.matrix && draw(random, 0, 1) == 0) add_matrix(writer);
  if (features.loop && draw(random, 0, 1) == 0) add_loop(writer, random);
  return writer.text();
}

}  // namespace presswork::faults
