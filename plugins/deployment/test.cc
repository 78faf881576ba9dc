#include "plugins/deployment/test.h"

#include <optional>

#include "plugins/deployment/trials.h"
#include "plugins/modelkit/checkpoint/verify.h"
#include "plugins/modelkit/estimate/model_shape.h"
#include "plugins/modelkit/evaluate/text_evaluation.h"
#include "plugins/modelkit/formats/safetensors_writer.h"

namespace presswork {

using namespace modelkit;
using namespace deployment;

namespace {

std::optional<double> limit(const Context& context, const char* name) {
  const Json& value = context.parameters().at(name);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

// The structure and every weight, read from disk.
Item loads_again(const std::filesystem::path& folder, unsigned threads) {
  const Message title("It loads again from disk");
  try {
    const ModelSource model = ModelSource::open(folder);
    require_structure(model.checkpoint(), model.config(), model.quantization());
    ThreadPool pool(threads);
    check_finite(model.checkpoint(), pool, [](std::uint64_t) {});
    return judged("loads", "functional", title, true, Message("every tensor is there, and holds no NaN"));
  } catch (const Error& error) {
    return judged("loads", "functional", title, false, Message::verbatim(error.where + ": " + error.message));
  }
}

Item without_limit(const char* id, const char* group, const Message& title, const Message& value) {
  return not_run(id, group, title, Message("{0}, and no limit is given", {value}));
}

Item at_least(const char* id, const Message& title, double value, const std::optional<double>& least,
              const char* unit) {
  const Message found = Message::number(value, unit);
  if (!least) return without_limit(id, "performance", title, found);
  return judged(id, "performance", title, value >= *least,
                Message("{0}, at least {1}", {found, Message::number(*least, unit)}));
}

Item at_most(const char* id, const char* group, const Message& title, double value,
             const std::optional<double>& most, const char* unit) {
  const Message found = Message::number(value, unit);
  if (!most) return without_limit(id, group, title, found);
  return judged(id, group, title, value <= *most,
                Message("{0}, at most {1}", {found, Message::number(*most, unit)}));
}

// Memory of a service by the formula, with this model's exact weights.
double service_memory_gb(const Context& context, const ModelSource& model) {
  InferenceShape shape = guide_shape(model, stored_precision(model));
  shape.batch_size = context.parameter<double>("batch_size");
  shape.seq_len = context.parameter<double>("seq_len");
  return inference_memory(refined_shape(model, shape, true)).total() / kGigabyte;
}

double perplexity_of(const Context& context, const std::filesystem::path& folder,
                     const std::filesystem::path& text) {
  PassOptions options;
  options.states = state_limit(context.memory(), context.scratch_dir());
  options.progress = [&](double, double) { context.check_cancelled(); };
  const Sampling sampling{.length = context.parameter<std::size_t>("window"),
                          .samples = context.parameter<std::size_t>("samples")};
  return evaluate_text(ModelSource::open(folder), text, sampling, context.threads(), options)
      .result.perplexity;
}

void test_functions(const Context& context, Trials& trials, std::vector<Item>& items) {
  items.push_back(trials.basic_inference(context.parameter<std::string>("prompt"), 20));
  const auto most =
      static_cast<std::size_t>(std::max<std::int64_t>(1, trials.source().config().max_position));
  items.push_back(
      trials.edge_cases(std::min<std::size_t>(most, context.parameter<std::size_t>("longest_prompt"))));
  items.push_back(trials.error_handling());
  items.push_back(trials.stability(context.parameter<std::size_t>("stability_tokens")));
  context.metric("continuation", trials.continuation());
}

Speed measure_speed(const Context& context, Trials& trials) {
  return trials.speed(context.parameter<std::size_t>("prompt_tokens"),
                      context.parameter<std::size_t>("new_tokens"),
                      context.parameter<std::size_t>("repeats"));
}

void judge_speed(const Context& context, const Speed& speed, const std::optional<Speed>& before,
                 std::vector<Item>& items) {
  context.metric("prefill_tokens_per_s", speed.prefill_tokens_per_s);
  context.metric("decode_tokens_per_s", speed.decode_tokens_per_s);
  context.metric("weight_bytes", speed.weight_bytes);
  context.metric("peak_memory_bytes", speed.peak_bytes);
  items.push_back(at_least("decode_speed", Message("It decodes fast enough"), speed.decode_tokens_per_s,
                           limit(context, "tokens_per_s"), " tokens/s"));
  const Message title("It is faster than the baseline by enough");
  if (!before) {
    items.push_back(not_run("speedup", "performance", title, Message("no baseline is connected")));
    return;
  }
  const double speedup = speed.decode_tokens_per_s / before->decode_tokens_per_s;
  context.metric("baseline_decode_tokens_per_s", before->decode_tokens_per_s);
  context.metric("speedup", speedup);
  context.metric(
      "held_memory_saving_percent",
      (1 - static_cast<double>(speed.weight_bytes) / static_cast<double>(before->weight_bytes)) * 100);
  items.push_back(at_least("speedup", title, speedup, limit(context, "min_speedup"), "x"));
}

void judge_accuracy(const Context& context, std::vector<Item>& items) {
  const Message title("Its perplexity stays near the baseline's");
  const auto baseline = context.optional_input("baseline"), text = context.optional_input("text");
  if (!baseline || !text) {
    items.push_back(not_run("accuracy", "accuracy", title, Message("no baseline or no text is connected")));
    return;
  }
  const double before = perplexity_of(context, *baseline, *text);
  const double after = perplexity_of(context, context.input("model"), *text);
  const double loss = (after / before - 1) * 100;
  context.metric("baseline_perplexity", before);
  context.metric("perplexity", after);
  context.metric("loss_percent", loss);
  items.push_back(at_most("accuracy", "accuracy", title, loss, limit(context, "max_loss_percent"), " %"));
}

void conclude(const Context& context, const std::vector<Item>& items) {
  Json list = Json::array();
  int failed = 0, passed = 0;
  std::string problems;
  for (const Item& item : items) {
    list.push_back(to_json(item));
    passed += item.state == "pass" ? 1 : 0;
    failed += item.state == "fail" ? 1 : 0;
    if (item.state == "fail")
      problems += (problems.empty() ? "" : "; ") + item.title.text() + ": " + item.why.text();
  }
  const auto path = context.work_dir() / "deployment-test.json";
  write_file_atomically(path, Json({{"presswork_deployment_test", 1}, {"items", list}}).dump(2) + "\n");
  context.output("test", path);
  context.metric("passed", failed == 0);
  context.metric("items_passed", passed);
  context.metric("items_failed", failed);
  context.metric("items_not_run", items.size() - static_cast<std::size_t>(passed + failed));
  context.metric("problems", problems);
}

}  // namespace

Json DeployTest::describe() {
  return Json::parse(R"json({
    "title": "Test a model for deployment",
    "description": "Loads the model from disk as a service would and tests it: functions (loading, a prompt, edge cases, wrong input), performance (speed, memory of a service by formula with the exact weights, stability over many tokens), and accuracy against the baseline on a text. An item whose limit or input is not given is not run, and fails nothing.",
    "parameters": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "prompt": {"type": "string", "default": "人工智能的未來發展", "description": "The text to continue."},
        "memory_gb": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": null, "description": "Memory of the service, at most, in GiB."},
        "tokens_per_s": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": null, "description": "Decoding speed, at least."},
        "min_speedup": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": null, "description": "Decoding speed divided by the baseline's, at least."},
        "max_loss_percent": {"type": ["number", "null"], "default": null, "description": "Rise of the perplexity over the baseline's, at most."},
        "batch_size": {"type": "integer", "minimum": 1, "default": 1, "description": "Sequences that the service has at once, for the memory."},
        "seq_len": {"type": "integer", "minimum": 1, "default": 2048, "description": "Tokens of each, for the memory."},
        "window": {"type": "integer", "minimum": 2, "default": 512, "description": "Tokens in a window of the perplexity measurement."},
        "samples": {"type": "integer", "minimum": 0, "default": 0, "description": "Windows at most; 0: all."},
        "prompt_tokens": {"type": "integer", "minimum": 1, "default": 64, "description": "Tokens of the prompt when speed is measured."},
        "new_tokens": {"type": "integer", "minimum": 1, "default": 32, "description": "Tokens decoded after it."},
        "repeats": {"type": "integer", "minimum": 1, "default": 3, "description": "Measured repeats; the median counts."},
        "longest_prompt": {"type": "integer", "minimum": 1, "default": 512, "description": "Tokens of the longest prompt of the edge cases, if the model takes as many."},
        "stability_tokens": {"type": "integer", "minimum": 1, "default": 256, "description": "Tokens of the test of stability."}
      }
    },
    "inputs": {
      "model": {"type": "model", "required": true, "description": "The model to deploy."},
      "baseline": {"type": "model", "required": false, "description": "The model as it was before."},
      "text": {"type": "text", "required": false, "description": "Text to measure perplexity on."}
    },
    "outputs": {"test": {"type": "deployment-test", "description": "Every item with its state and reason, as JSON."}},
    "metrics": {
      "passed": {"type": "boolean", "headline": true, "description": "No item failed."},
      "problems": {"type": "string", "description": "What failed, and why."},
      "items_passed": {"type": "integer", "description": "Items that passed."},
      "items_failed": {"type": "integer", "description": "Items that failed."},
      "items_not_run": {"type": "integer", "description": "Items that had no limit or no input."},
      "continuation": {"type": "string", "description": "What the model wrote after the prompt."},
      "memory_gb": {"type": "number", "unit": "GiB", "description": "Memory of the service by formula, with the weights' exact bytes."},
      "prefill_tokens_per_s": {"type": "number", "unit": "tokens/s", "description": "Median speed of the prompt."},
      "decode_tokens_per_s": {"type": "number", "unit": "tokens/s", "description": "Median speed of decoding."},
      "baseline_decode_tokens_per_s": {"type": "number", "unit": "tokens/s", "description": "The same of the baseline."},
      "speedup": {"type": "number", "unit": "x", "description": "The one divided by the other."},
      "weight_bytes": {"type": "integer", "unit": "B", "description": "Memory of linears and head as they are held."},
      "held_memory_saving_percent": {"type": "number", "unit": "%", "description": "How much less that is than the baseline's."},
      "peak_memory_bytes": {"type": "integer", "unit": "B", "description": "Peak resident memory of the process since the model was loaded."},
      "perplexity": {"type": "number", "description": "Of the model on the text."},
      "baseline_perplexity": {"type": "number", "description": "Of the baseline."},
      "loss_percent": {"type": "number", "unit": "%", "description": "Rise of the perplexity."}
    },
    "cacheable": false,
    "reads_run": false,
    "parallel": true
  })json");
}

void DeployTest::run(const Context& context) {
  const auto folder = context.input("model");
  std::vector<Item> items = {loads_again(folder, context.threads())};
  if (items.front().state == "pass") {
    std::optional<Speed> before;
    if (const auto baseline = context.optional_input("baseline")) {
      Trials trials(*baseline, context.threads());
      before = measure_speed(context, trials);
    }
    context.check_cancelled();
    Trials trials(folder, context.threads());
    judge_speed(context, measure_speed(context, trials), before, items);
    test_functions(context, trials, items);
    const double memory = service_memory_gb(context, trials.source());
    context.metric("memory_gb", memory);
    items.push_back(at_most("memory", "performance", Message("A service of it fits into memory"), memory,
                            limit(context, "memory_gb"), " GiB"));
    judge_accuracy(context, items);
  }
  conclude(context, items);
}

}  // namespace presswork
