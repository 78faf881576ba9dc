// The graphics cards that estimates know: those of gpus.json beside this file, and what a user adds.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace presswork::modelkit {

struct Gpu {
  std::string name;
  double memory_gb = 0;
  double fp16_tflops = 0;     // dense, with float32 accumulation
  double price_usd = 0;       // of one card
  double bandwidth_gbps = 0;  // of its memory, GB/s; 0: not stated
  std::string interconnect;
  double interconnect_gbps = 0;
  std::string source;  // where these figures come from
};

class GpuCatalogue {
 public:
  // The shipped cards, and over them those of `file` (empty: none), which has the form of gpus.json: a card
  // of a shipped one's name takes its place. Throws "invalid_input" that names the card and the field, and
  // for a card without a source.
  static GpuCatalogue load(const std::string& file = {});

  const std::vector<Gpu>& gpus() const { return gpus_; }  // by memory, then name
  // Throws "invalid_parameter" at `where` when there is no such card, listing those that there are.
  const Gpu& at(std::string_view name, const std::string& where) const;
  // The named ones in the order given; no names: all.
  std::vector<Gpu> chosen(const std::vector<std::string>& names, const std::string& where) const;

 private:
  void add(const nlohmann::json& document, const std::string& where);
  std::vector<Gpu> gpus_;
};

std::string_view shipped_gpus();  // the text of gpus.json

}  // namespace presswork::modelkit
