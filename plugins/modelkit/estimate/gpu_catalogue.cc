#include "plugins/modelkit/estimate/gpu_catalogue.h"

#include <algorithm>
#include <cmath>

#include "plugins/modelkit/formats/json_text.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kLargestFile = 1u << 20;

[[noreturn]] void refuse(const std::string& where, const std::string& name, const std::string& what) {
  throw Error("invalid_input", "the card \"" + name + "\" " + what, where,
              "each card has memory_gb, fp16_tflops and price_usd as positive numbers and a source as text; "
              "bandwidth_gbps, interconnect and interconnect_gbps may be left out");
}

double number(const Json& card, const char* field, const std::string& name, const std::string& where,
              bool required) {
  const auto found = card.find(field);
  if (found == card.end() && !required) return 0;
  if (found == card.end()) refuse(where, name, std::string("has no ") + field);
  const double value = found->is_number() ? found->get<double>() : 0;
  if (!(value > 0) || !std::isfinite(value))
    refuse(where, name, std::string(field) + " is no positive number");
  return value;
}

std::string text(const Json& card, const char* field, const std::string& name, const std::string& where,
                 bool required) {
  const auto found = card.find(field);
  if (found != card.end() && found->is_string() && !found->get<std::string>().empty()) return *found;
  if (found != card.end() || required) refuse(where, name, std::string("needs ") + field + " as text");
  return {};
}

Gpu read(const std::string& name, const Json& card, const std::string& where) {
  if (!card.is_object()) refuse(where, name, "is no object");
  return {.name = name,
          .memory_gb = number(card, "memory_gb", name, where, true),
          .fp16_tflops = number(card, "fp16_tflops", name, where, true),
          .price_usd = number(card, "price_usd", name, where, true),
          .bandwidth_gbps = number(card, "bandwidth_gbps", name, where, false),
          .interconnect = text(card, "interconnect", name, where, false),
          .interconnect_gbps = number(card, "interconnect_gbps", name, where, false),
          .source = text(card, "source", name, where, true)};
}

}  // namespace

void GpuCatalogue::add(const Json& document, const std::string& where) {
  const auto cards = document.is_object() ? document.find("gpus") : document.end();
  if (!document.is_object() || cards == document.end() || !cards->is_object()) {
    throw Error("invalid_input", "is no catalogue of cards", where,
                R"(it should read {"gpus": {"NAME": {"memory_gb": 24, …}}})");
  }
  for (const auto& [name, card] : cards->items()) {
    Gpu gpu = read(name, card, where);
    const auto known =
        std::find_if(gpus_.begin(), gpus_.end(), [&](const Gpu& other) { return other.name == gpu.name; });
    if (known == gpus_.end()) {
      gpus_.push_back(std::move(gpu));
    } else {
      *known = std::move(gpu);
    }
  }
}

GpuCatalogue GpuCatalogue::load(const std::string& file) {
  GpuCatalogue catalogue;
  catalogue.add(parse_json(shipped_gpus(), "gpus.json"), "gpus.json");
  if (!file.empty()) catalogue.add(parse_json(read_text_file(file, kLargestFile), file), file);
  std::sort(catalogue.gpus_.begin(), catalogue.gpus_.end(), [](const Gpu& a, const Gpu& b) {
    return a.memory_gb != b.memory_gb ? a.memory_gb < b.memory_gb : a.name < b.name;
  });
  return catalogue;
}

const Gpu& GpuCatalogue::at(std::string_view name, const std::string& where) const {
  std::string known;
  for (const Gpu& gpu : gpus_) {
    if (gpu.name == name) return gpu;
    known += (known.empty() ? "" : ", ") + gpu.name;
  }
  throw Error("invalid_parameter", "there is no card \"" + std::string(name) + "\" in the catalogue", where,
              "known are " + known + "; add others in a file and give it as the catalogue");
}

std::vector<Gpu> GpuCatalogue::chosen(const std::vector<std::string>& names, const std::string& where) const {
  if (names.empty()) return gpus_;
  std::vector<Gpu> chosen;
  for (const std::string& name : names) chosen.push_back(at(name, where));
  return chosen;
}

}  // namespace presswork::modelkit
