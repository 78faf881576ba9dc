#include "plugins/modelkit/checkpoint/verify.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "plugins/modelkit/checkpoint/quantized_linear.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

class StructureCheck {
 public:
  StructureCheck(const Checkpoint& checkpoint, const QuantizationConfig& quantization)
      : checkpoint_(checkpoint), quantization_(quantization) {}

  StructureReport report;

  void tensor(const TensorSite& site) {
    report.parameters += element_count(site.shape, site.tensor);
    const TensorView* view = take(site.tensor);
    if (view == nullptr && compressed(site)) return;
    if (view == nullptr) {
      report.problems.push_back(site.tensor + " is missing");
    } else if (compressed(site, view->dtype)) {
      return;
    } else if (view->shape != site.shape || !is_floating(view->dtype)) {
      mismatch(*view, "floating-point " + to_text(site.shape));
    }
  }

  void collect_unexpected(const ModelConfig& model) {
    const std::string tied_head = std::string(architecture_of(model).head) + ".weight";
    for (const std::string& name : checkpoint_.names()) {
      // Old checkpoints keep the rotary table, which is computed here, and some repeat a tied head.
      const bool known =
          name.ends_with(".rotary_emb.inv_freq") || (model.tied_embeddings && name == tied_head);
      if (!known && !used_.contains(name)) report.unexpected.push_back(name);
    }
  }

 private:
  const TensorView* take(const std::string& name) {
    const TensorView* view = checkpoint_.find(name);
    if (view != nullptr) used_.insert(view->name);
    return view;
  }

  void mismatch(const TensorView& view, const std::string& expected) {
    report.problems.push_back(view.name + " is " + std::string(name_of(view.dtype)) + " " +
                              to_text(view.shape) + ", expected " + expected);
  }

  // Checks the quantized form of a linear's weight; false when config.json knows no such form for it, or
  // when `plain`, the type of a tensor with the plain name, says that it is not.
  bool compressed(const TensorSite& site, std::optional<DType> plain = {}) {
    constexpr std::string_view kEnding = ".weight";
    if (!site.tensor.ends_with(kEnding) || site.shape.size() != 2) return false;
    const std::string module = site.tensor.substr(0, site.tensor.size() - kEnding.size());
    const QuantizationScheme* scheme = quantization_.scheme_for(module);
    if (scheme == nullptr || (plain && !is_quantized_weight(*scheme, *plain))) return false;
    ++report.quantized_modules;
    const bool ragged = scheme->group_size != 0 && site.shape[1] % scheme->group_size != 0;
    if (ragged && scheme->block_rows == 0 && scheme->format != PackedFormat::Gptq &&
        scheme->format != PackedFormat::GptqV2) {
      report.problems.push_back(module + " has " + std::to_string(site.shape[1]) +
                                " inputs, which groups of " + std::to_string(scheme->group_size) +
                                " do not divide");
      return true;
    }
    for (const StoredPart& part : stored_parts(module, site.shape[0], site.shape[1], *scheme)) check(part);
    return true;
  }

  void check(const StoredPart& part) {
    const TensorView* view = take(part.name);
    if (view == nullptr) {
      if (part.required) report.problems.push_back(part.name + " is missing");
      return;
    }
    const bool other_type =
        part.dtype ? view->dtype != *part.dtype : part.required && !is_floating(view->dtype);
    if (!other_type && (!part.shape || view->shape == *part.shape)) return;
    mismatch(*view, (part.dtype ? std::string(name_of(*part.dtype)) : "floating-point") +
                        (part.shape ? " " + to_text(*part.shape) : ""));
  }

  const Checkpoint& checkpoint_;
  const QuantizationConfig& quantization_;
  std::unordered_set<std::string_view> used_;
};

}  // namespace

StructureReport check_structure(const Checkpoint& checkpoint, const ModelConfig& model,
                                const QuantizationConfig& quantization) {
  StructureCheck check(checkpoint, quantization);
  const Architecture& architecture = architecture_of(model);
  for (TensorSite& site : expected_tensors(model)) {
    // Some tied models store the shared table under the head's name only.
    const std::string embedding = std::string(architecture.embedding) + ".weight";
    if (site.tensor == embedding && checkpoint.find(embedding) == nullptr &&
        !tied_alias(model, architecture.embedding).empty() &&
        checkpoint.find(std::string(architecture.head) + ".weight") != nullptr) {
      site.tensor = std::string(architecture.head) + ".weight";
    }
    check.tensor(site);
  }
  check.collect_unexpected(model);
  return std::move(check.report);
}

StructureReport require_structure(const Checkpoint& checkpoint, const ModelConfig& model,
                                  const QuantizationConfig& quantization) {
  StructureReport report = check_structure(checkpoint, model, quantization);
  if (report.problems.empty()) return report;
  throw Error("corrupt_file",
              std::to_string(report.problems.size()) +
                  " tensors are not as config.json says: " + listed(report.problems),
              checkpoint.folder().string(),
              "check that config.json belongs to these weights, or download the model again");
}

std::string listed(const std::vector<std::string>& items) {
  constexpr std::size_t kShown = 10;
  std::string text;
  for (std::size_t i = 0; i < items.size() && i < kShown; ++i) text += (i == 0 ? "" : "; ") + items[i];
  if (items.size() > kShown) text += "; and " + std::to_string(items.size() - kShown) + " more";
  return text;
}

void check_finite(const Checkpoint& checkpoint, ThreadPool& threads,
                  const std::function<void(std::uint64_t)>& progress) {
  constexpr std::size_t kTileElements = std::size_t{1} << 20;
  std::uint64_t done = 0;
  for (const std::string& name : checkpoint.names()) {
    const TensorView& view = checkpoint.tensor(name);
    done += view.bytes.size();
    if (!is_floating(view.dtype)) continue;
    const auto elements = static_cast<std::size_t>(view.elements());
    const std::size_t width = size_of(view.dtype);
    const std::size_t tiles = (elements + kTileElements - 1) / kTileElements;
    std::vector<std::size_t> found(tiles,
                                   elements);  // per tile, so that the first one is named whoever finds it
    threads.run(tiles, [&](std::size_t tile) {
      const std::size_t begin = tile * kTileElements;
      const std::size_t count = std::min(kTileElements, elements - begin);
      const std::size_t at = find_not_finite(view.dtype, view.bytes.data() + begin * width, count);
      if (at != count) found[tile] = begin + at;
    });
    const std::size_t bad = tiles == 0 ? elements : *std::min_element(found.begin(), found.end());
    checkpoint.release(name);
    if (bad != elements) {
      throw Error("not_finite",
                  "element " + std::to_string(bad) + " of " + name + " " + to_text(view.shape) +
                      " is NaN or infinite",
                  checkpoint.folder().string(),
                  "the model is damaged or was saved during a failed training; use another copy");
    }
    progress(done);
  }
}

}  // namespace presswork::modelkit
