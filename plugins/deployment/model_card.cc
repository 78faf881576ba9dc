#include "plugins/deployment/model_card.h"

namespace presswork::deployment {
namespace {

using Json = nlohmann::json;

// A YAML scalar that means the text, whatever is in it.
std::string quoted(const std::string& text) { return Json(text).dump(); }

// Text for a cell of a Markdown table.
std::string cell(std::string text) {
  for (char& c : text) c = c == '\n' || c == '|' ? ' ' : c;
  return text;
}

std::string test_table(const Json& test) {
  if (test.is_null()) return "Nothing was tested: no deployment test is connected.\n";
  std::string text = "| what | result | why |\n|---|---|---|\n";
  for (const Json& item : test.at("items")) {
    text += "| " + cell(item.at("title")) + " | " + item.at("state").get<std::string>() + " | " +
            cell(item.at("why")) + " |\n";
  }
  return text;
}

std::string strategy_text(const Json& strategy) {
  if (strategy.is_null()) return "By the workflow that bundled it; see its report.\n";
  std::string text = "Strategy `" + strategy.at("recommended").get<std::string>() +
                     "`: " + strategy.at("why").get<std::string>() + ".\n";
  for (const Json& candidate : strategy.at("candidates")) {
    if (candidate.at("id") != strategy.at("recommended")) continue;
    for (const Json& step : candidate.at("compression_methods")) text += "\n- `" + step.dump() + "`";
  }
  return text + "\n";
}

}  // namespace

std::string model_card(const CardFacts& facts) {
  std::string text = "---\n";
  if (!facts.license.empty()) text += "license: " + quoted(facts.license) + "\n";
  if (!facts.base_model.empty()) text += "base_model: " + quoted(facts.base_model) + "\n";
  text +=
      "library_name: transformers\npipeline_tag: text-generation\ntags:\n- presswork\n- compressed\n---\n\n";
  text += "# " + facts.name + "\n\n";
  text += "A compressed model" + (facts.base_model.empty() ? std::string() : " made of " + facts.base_model) +
          " by Presswork.\n\n";
  text += "| | |\n|---|---|\n| architecture | " + facts.architecture + " |\n| parameters | " +
          std::to_string(facts.parameters) + " |\n| stored as | " + facts.precision + " |\n| weights | " +
          std::to_string(facts.bytes) + " bytes |\n\n";
  text += "## How it was made\n\n" + strategy_text(facts.strategy) + "\n## What was tested\n\n" +
          test_table(facts.test);
  return text + "\n`SHA256SUMS` holds the digest of every file: `sha256sum -c SHA256SUMS` checks them.\n";
}

std::string rollback_instructions(const CardFacts& facts) {
  const std::string original = facts.base_model.empty() ? "the model that it was made of" : facts.base_model;
  return "# How to go back\n\n"
         "1. Point the service to " +
         original +
         " again; compressing has not changed it.\n"
         "2. Restart the service, and let its health check pass (the first prompt of deploy/test).\n"
         "3. In the workspace of the run, `presswork checkpoints RUN` lists every result that is kept, and\n"
         "   `presswork rollback RUN --to STAGE` goes back to one of them; `presswork export` writes it to a "
         "folder.\n"
         "4. Keep this folder until the cause is known; `sha256sum -c SHA256SUMS` tells whether it was "
         "damaged.\n\n"
         "Go back when perplexity on your fixed sample rises lastingly, when answers are empty, repeat "
         "themselves or are\n"
         "not finite, or when memory or latency leave their limits.\n";
}

std::string monitoring_points(const CardFacts& facts) {
  std::string text = "# What to watch\n\n| what | at deployment |\n|---|---|\n";
  const auto why_of = [&](const char* id) -> std::string {
    if (facts.test.is_null()) return "not measured";
    for (const Json& item : facts.test.at("items")) {
      if (item.at("id") == id) return cell(item.at("why"));
    }
    return "not measured";
  };
  text += "| perplexity on a fixed sample of your own texts | " + why_of("accuracy") + " |\n";
  text += "| tokens per second and time to first token | " + why_of("decode_speed") + " |\n";
  text += "| memory with long contexts and many requests at once | " + why_of("memory") + " |\n";
  text += "| share of empty, repeating or non-finite answers | " + why_of("basic_inference") + " |\n";
  return text;
}

}  // namespace presswork::deployment
