// What the stages that run a model over a text have in common: which windows they take, and how they report
// what the pass cost.
#pragma once

#include <algorithm>
#include <string>

#include "plugins/modelkit/checkpoint/verify.h"
#include "plugins/modelkit/evaluate/text_evaluation.h"
#include "presswork/stage.hpp"

namespace presswork::evaluation {

// Adds the text, how windows are taken from it (window, samples, draw, documents, seed), and their number.
inline void describe_sampling(Json& description) {
  description["inputs"]["text"] = {
      {"type", "text"}, {"required", true}, {"description", "UTF-8 text, or JSON Lines with a text field."}};
  description["metrics"]["windows"] = {{"type", "integer"}, {"description", "Windows evaluated."}};
  Json& properties = description["parameters"]["properties"];
  properties["window"] = {
      {"type", "integer"},
      {"minimum", 2},
      {"default", 512},
      {"description",
       "Tokens in a window. Results compare only at the same window, sampling and tokenizer."}};
  properties["samples"] = {{"type", "integer"},
                           {"minimum", 0},
                           {"default", 0},
                           {"description", "Windows to take at most; 0: all of them."}};
  properties["draw"] = {
      {"type", "string"},
      {"enum", {"first", "random"}},
      {"default", "first"},
      {"description",
       "Which windows, when there are more than samples: the first ones, or drawn by the seed."}};
  properties["documents"] = {
      {"type", "string"},
      {"enum", {"packed", "separate"}},
      {"default", "packed"},
      {"description",
       "packed: all documents as one text, with empty lines between them. separate: each document is cut by "
       "itself, and what fills no window is dropped."}};
  properties["seed"] = {{"type", {"integer", "null"}},
                        {"minimum", 0},
                        {"default", nullptr},
                        {"description", "Seed of what is random; null: the run's seed."}};
}

// Adds the metrics that report_cost() and the digest fill.
inline void describe_cost(Json& description) {
  Json& metrics = description["metrics"];
  metrics["token_digest"] = {
      {"type", "string"},
      {"description",
       "SHA-256 of the token ids that were evaluated (little-endian 32-bit, window after window)."}};
  metrics["tokens_per_s"] = {
      {"type", "number"},
      {"unit", "tokens/s"},
      {"description", "Measured speed of the forward pass, all tokens of the windows."}};
  metrics["peak_memory_bytes"] = {
      {"type", "integer"},
      {"unit", "B"},
      {"description", "Measured peak resident memory of the stage's process during the pass."}};
  metrics["predicted_peak_memory_bytes"] = {
      {"type", "integer"}, {"unit", "B"}, {"description", "The same as predicted before the pass."}};
}

inline std::uint64_t seed_of(const Context& context) {
  const Json seed = context.parameters().value("seed", Json());
  return seed.is_null() ? context.seed() : seed.get<std::uint64_t>();
}

inline modelkit::Sampling sampling_of(const Context& context) {
  using modelkit::Documents, modelkit::Draw;
  const bool separate = context.parameter<std::string>("documents") == "separate";
  const bool random = context.parameter<std::string>("draw") == "random";
  return {.length = context.parameter<std::size_t>("window"),
          .samples = context.parameter<std::size_t>("samples"),
          .documents = separate ? Documents::Separate : Documents::Packed,
          .draw = random ? Draw::Random : Draw::First,
          .seed = seed_of(context)};
}

inline modelkit::PassOptions pass_options(const Context& context) {
  modelkit::PassOptions options;
  options.states = modelkit::state_limit(context.memory(), context.scratch_dir());
  options.progress = [&context](double done, double total) {
    context.progress(done, total, "windows");
    context.check_cancelled();
  };
  return options;
}

// What a stage's process holds before it begins: code, libraries, the tokenizer.
inline constexpr std::uint64_t kProcessBytes = 64u << 20;

inline void report_cost(const Context& context, const modelkit::PassCost& cost) {
  context.metric("tokens_per_s", cost.tokens_per_second);
  context.metric("peak_memory_bytes", cost.peak_bytes);
  context.metric("predicted_peak_memory_bytes", cost.predicted_bytes);
}

// At most as many windows as `text` can hold: a token is at least a byte.
inline std::size_t most_windows(const std::filesystem::path& text, const modelkit::Sampling& sampling) {
  const auto bytes = static_cast<std::size_t>(std::filesystem::file_size(text));
  const std::size_t windows = std::max<std::size_t>(1, bytes / sampling.length);
  return sampling.samples == 0 ? windows : std::min(windows, sampling.samples);
}

// Opens a model and checks its structure; warns of windows longer than the model was made for.
inline modelkit::ModelSource open_model(const Context& context, const std::string& input,
                                        std::size_t window) {
  modelkit::ModelSource model = modelkit::ModelSource::open(context.input(input));
  modelkit::require_structure(model.checkpoint(), model.config(), model.quantization());
  if (const auto warning = modelkit::window_warning(model.config(), window, input); !warning.empty())
    context.warning(warning);
  return model;
}

// What a pass over the windows will need; null while its inputs are not there.
inline Json pass_plan(const Context& context) {
  const auto model = context.optional_input("model"), text = context.optional_input("text");
  if (!model || !text) return nullptr;
  const modelkit::Sampling sampling = sampling_of(context);
  const std::uint64_t pass =
      modelkit::predicted_pass_bytes(modelkit::ModelSource::open(*model), most_windows(*text, sampling),
                                     sampling.length, pass_options(context).states);
  return {{"memory_bytes", kProcessBytes + pass}, {"cores", context.threads()}};
}

}  // namespace presswork::evaluation
