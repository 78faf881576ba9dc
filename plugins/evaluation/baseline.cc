// evaluate/baseline: runs a baseline once, for every comparison with it.
#include "plugins/evaluation/text_options.h"
#include "plugins/modelkit/evaluate/baseline_file.h"

namespace presswork {

using namespace modelkit;

class EvaluateBaseline : public Stage {
 public:
  static constexpr const char* id = "evaluate/baseline";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Run a baseline once",
      "description": "Runs a model over a text and keeps the hidden state before the head for each token, in float32: width numbers a token instead of one for each entry of the vocabulary, and no loss. evaluate/divergence and evaluate/compare take the states under states: and then run only the model's layers and both heads. Since the result is cached, a matrix of quantized models costs one pass of the baseline.",
      "parameters": {"type": "object", "additionalProperties": false, "properties": {}},
      "inputs": {
        "model": {"type": "model", "required": true, "description": "The baseline: a Hugging Face model folder."}
      },
      "outputs": {"states": {"type": "baseline", "description": "Folder with states.safetensors and baseline.json."}},
      "metrics": {
        "bytes": {"type": "integer", "unit": "B", "description": "Size of the states."},
        "tokens": {"type": "integer", "description": "Tokens of all windows."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    evaluation::describe_sampling(description);
    evaluation::describe_cost(description);
    return description;
  }

  Json plan(const Context& context) override { return evaluation::pass_plan(context); }

  void run(const Context& context) override {
    const Sampling sampling = evaluation::sampling_of(context);
    const ModelSource source = evaluation::open_model(context, "model", sampling.length);
    const TokenWindows windows =
        read_windows(Tokenizer::open(source.checkpoint().folder()), context.input("text"), sampling);
    const auto compute = make_cpu_compute(context.threads());
    Transformer model(*compute, source);
    const PassOptions options = evaluation::pass_options(context);
    const auto total = static_cast<double>(windows.count());
    const CostMeter meter(predicted_pass_bytes(source, windows.count(), windows.length(), options.states));
    HiddenStates states = run_layers(model, windows, options.states,
                                     [&](double share) { options.progress(share * total, total); });
    const std::uint64_t tokens = std::uint64_t{windows.count()} * windows.length();
    evaluation::report_cost(context, meter.finish(tokens));
    const auto folder = context.work_dir() / "states";
    write_baseline(folder, source, windows, states, *compute);
    std::uint64_t bytes = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder)) bytes += file.file_size();
    context.metric("bytes", bytes);
    context.metric("tokens", tokens);
    context.metric("windows", windows.count());
    context.metric("token_digest", windows.digest());
    context.output("states", folder);
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-evaluation", "0.1.0", presswork::EvaluateBaseline);
