// evaluate/generate: does a model still write?
#include <algorithm>
#include <vector>

#include "plugins/evaluation/text_options.h"
#include "plugins/evaluation/weight_form.h"
#include "plugins/modelkit/data/text.h"
#include "plugins/modelkit/formats/safetensors_writer.h"
#include "plugins/modelkit/inference/generator.h"

namespace presswork {

using namespace modelkit;

class EvaluateGenerate : public Stage {
 public:
  static constexpr const char* id = "evaluate/generate";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Generate text",
      "description": "Continues prompts and checks what comes: ok is true when no NaN appeared, no continuation is empty, and none repeats itself beyond max_repetition. Loads the whole model. Prompts are tokenized with the model's special tokens; an end token ends a continuation.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "prompt": {"type": "string", "default": "人工智能的未來發展", "description": "The text to continue, when no prompts are connected."},
          "max_new_tokens": {"type": "integer", "minimum": 1, "maximum": 1048576, "default": 20, "description": "Tokens to generate at most for each prompt."},
          "temperature": {"type": "number", "minimum": 0, "default": 0, "description": "0: always the most likely token. Otherwise tokens are drawn from softmax(logits / temperature)."},
          "top_k": {"type": "integer", "minimum": 0, "default": 0, "description": "Draw among the k most likely tokens only; 0: all."},
          "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 1, "description": "Draw among the fewest most likely tokens whose probabilities reach p."},
          "seed": {"type": ["integer", "null"], "minimum": 0, "default": null, "description": "Seed of the draws; null: the run's seed. Each prompt starts from it anew."},
          "max_repetition": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.8, "description": "The largest share of repeated 4-grams in a continuation that is ok. A loop of three tokens has 0.82 over 20 tokens, and more over more."}
        }
      },
      "inputs": {
        "model": {"type": "model", "required": true, "description": "Hugging Face model folder, dense or quantized."},
        "prompts": {"type": "text", "required": false, "description": "Prompts: the texts of JSON Lines, or the lines of a plain text."}
      },
      "outputs": {"text": {"type": "text", "description": "JSON Lines, one for each prompt: prompt, text (the continuation), tokens, ended, finite, empty, repetition."}},
      "metrics": {
        "ok": {"type": "boolean", "headline": true, "description": "All checks of all prompts passed."},
        "finite": {"type": "boolean", "description": "No NaN or infinity appeared."},
        "empty": {"type": "integer", "description": "Continuations without a visible character."},
        "repetition": {"type": "number", "description": "Largest share of repeated 4-grams of a continuation."},
        "prompts": {"type": "integer", "description": "Prompts continued."},
        "tokens": {"type": "integer", "description": "Tokens generated."},
        "peak_memory_bytes": {"type": "integer", "unit": "B", "description": "Peak resident memory of the stage's process, loading included."},
        "predicted_peak_memory_bytes": {"type": "integer", "unit": "B", "description": "The same as predicted before the model was loaded."},
        "continuation": {"type": "string", "description": "The first prompt's continuation."},
        "problem": {"type": "string", "description": "What the first failed check says. Only when not ok."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    evaluation::describe_weights(description, "exact");
    return description;
  }

  void run(const Context& context) override {
    const ModelSource source = evaluation::open_model(context, "model", 0);
    const Tokenizer tokenizer = Tokenizer::open(source.checkpoint().folder());
    const auto prompts = prompts_of(context);
    GenerationOptions options = options_of(context);
    const WeightForm form = evaluation::weight_form(context, source);
    const CostMeter meter(
        InferenceModel::predicted_bytes(source, form, longest(tokenizer, prompts) + options.max_new_tokens));
    const auto compute = make_cpu_compute(context.threads(), form);
    InferenceModel model(*compute, source, [&](double share) {
      context.progress(share, 1.0, "model loaded");
      context.check_cancelled();
    });
    const double wanted = static_cast<double>(options.max_new_tokens * prompts.size());
    std::size_t tokens = 0;
    options.progress = [&](std::size_t) {
      context.progress(static_cast<double>(++tokens), wanted, "tokens");
      context.check_cancelled();
    };
    std::vector<Generation> generations;
    std::string lines;
    for (const std::string& prompt : prompts) {
      generations.push_back(generate(model, tokenizer, prompt, options));
      lines += line_of(prompt, generations.back()) + "\n";
    }
    const auto path = context.work_dir() / "generated.jsonl";
    write_file_atomically(path, lines);
    context.output("text", path);
    report(context, generations);
    const PassCost cost = meter.finish(tokens);
    context.metric("peak_memory_bytes", cost.peak_bytes);
    context.metric("predicted_peak_memory_bytes", cost.predicted_bytes);
  }

 private:
  static std::vector<std::string> prompts_of(const Context& context) {
    const auto given = context.optional_input("prompts");
    if (!given) return {context.parameter<std::string>("prompt")};
    if (given->extension() == ".jsonl") return read_documents(*given);
    std::vector<std::string> prompts;
    const std::string all = read_text(*given);
    for (std::size_t at = 0; at < all.size();) {
      const std::size_t end = std::min(all.find('\n', at), all.size());
      std::string line = all.substr(at, end - at);
      if (line.ends_with('\r')) line.pop_back();
      if (!line.empty()) prompts.push_back(std::move(line));
      at = end + 1;
    }
    if (prompts.empty()) throw Error("invalid_input", "there is no prompt in the file", given->string());
    return prompts;
  }

  // Tokens of the longest prompt.
  static std::size_t longest(const Tokenizer& tokenizer, const std::vector<std::string>& prompts) {
    std::size_t most = 1;
    for (const auto& prompt : prompts) most = std::max(most, tokenizer.encode(prompt, true).size());
    return most;
  }

  static GenerationOptions options_of(const Context& context) {
    GenerationOptions options;
    options.max_new_tokens = context.parameter<std::size_t>("max_new_tokens");
    options.sampler = {.temperature = context.parameter<double>("temperature"),
                       .top_k = context.parameter<std::int64_t>("top_k"),
                       .top_p = context.parameter<double>("top_p")};
    options.seed = evaluation::seed_of(context);
    return options;
  }

  static std::string line_of(const std::string& prompt, const Generation& g) {
    const Json line = {{"prompt", prompt},          {"text", g.text},     {"tokens", g.ids.size()},
                       {"ended", g.ended},          {"finite", g.finite}, {"empty", g.empty()},
                       {"repetition", g.repetition}};
    return line.dump();
  }

  static void report(const Context& context, const std::vector<Generation>& generations) {
    const auto limit = context.parameter<double>("max_repetition");
    bool finite = true;
    std::size_t empty = 0, tokens = 0;
    double repetition = 0.0;
    std::string problem;
    const auto note = [&](bool wrong, const std::string& text) {
      if (wrong && problem.empty()) problem = text;
    };
    for (const Generation& g : generations) {
      tokens += g.ids.size();
      finite = finite && g.finite;
      empty += g.empty() ? 1 : 0;
      repetition = std::max(repetition, g.repetition);
      note(!g.finite, g.problem);
      note(g.empty(), "the continuation is empty");
      note(g.repetition > limit, "the continuation repeats itself: " + g.text);
    }
    context.metric("ok", problem.empty());
    context.metric("finite", finite);
    context.metric("empty", empty);
    context.metric("repetition", repetition);
    context.metric("prompts", generations.size());
    context.metric("tokens", tokens);
    context.metric("continuation", generations.front().text);
    if (problem.empty()) return;
    context.metric("problem", problem);
    context.warning(problem);
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-evaluation", "0.1.0", presswork::EvaluateGenerate);
