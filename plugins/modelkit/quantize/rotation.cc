#include "plugins/modelkit/quantize/rotation.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "plugins/modelkit/checkpoint/checkpoint_writer.h"
#include "plugins/modelkit/data/random.h"
#include "plugins/modelkit/formats/json_text.h"
#include "plugins/modelkit/quantize/folding.h"
#include "plugins/modelkit/quantize/hadamard.h"
#include "plugins/modelkit/quantize/integer_weight.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTile = 32;  // rows or columns that a thread rotates at once

std::string weight_of(std::string_view module) { return std::string(module) + ".weight"; }

// What becomes of a linear: W diag(norm), its inputs rotated by blocks of adjacent columns, its outputs by
// the blocks of rows that begin at `blocks`.
struct Change {
  std::string norm = {};  // the module; "": none
  const Rotation* inputs = nullptr;
  const Rotation* outputs = nullptr;
  std::vector<std::size_t> blocks = {};
};

class Rotations {
 public:
  Rotations(const ModelSource& model, std::uint64_t seed, ThreadPool& threads)
      : model_(model),
        threads_(threads),
        seeds_(seed),
        stream_(width(model.config().hidden), seeds_.next()),
        values_(width(model.config().head_dim), seeds_.next()) {
    const ModelConfig& m = model.config();
    const Architecture& architecture = architecture_of(m);
    const std::string final_norm = folded(architecture.final_norm);
    changes_[std::string(architecture.embedding)] = {.inputs = &stream_};
    changes_[std::string(architecture.head)] = {.norm = final_norm, .inputs = &stream_};
    for (std::int64_t layer = 0; layer < m.layers; ++layer) add_layer(layer);
  }

  // The tensor `name` as the rotated model has it, or nothing when it stays.
  std::optional<std::vector<float>> changed(const std::string& name) {
    const auto module = name.substr(0, name.rfind('.'));
    const TensorView* stored = model_.checkpoint().find(name);
    if (norms_.contains(module) && name == weight_of(module)) {
      return std::vector<float>(width(stored->elements()), model_.config().norm.plus_one ? 0.0F : 1.0F);
    }
    const auto found = changes_.find(module);
    if (found == changes_.end()) return std::nullopt;
    if (name == weight_of(module)) return weight(module, found->second);
    if (name != module + ".bias" || found->second.outputs == nullptr) return std::nullopt;
    auto values = model_.values(name, width(stored->elements()));
    rotate_outputs(found->second, 1, values);
    return values;
  }

 private:
  static std::size_t width(std::int64_t size) { return static_cast<std::size_t>(size); }

  std::string folded(std::string_view norm) {
    if (norm.empty() || !model_.config().norm.weight) return {};
    return *norms_.emplace(norm).first;
  }

  void add_layer(std::int64_t layer) {
    const ModelConfig& m = model_.config();
    const LayerModules& names = m.modules;
    const std::string prefix = layer_prefix(m, layer) + ".";
    const auto norm_of = [&](std::string_view norm) {
      return folded(norm.empty() ? std::string() : prefix + std::string(norm));
    };
    const std::string attention = norm_of(names.input_norm);
    const std::string mlp = names.mlp_norm.empty() ? attention : norm_of(names.mlp_norm);
    const LayerSites sites = layer_sites(m, layer);
    for (const auto* linears : {&sites.linears, &sites.routers}) {
      for (const LinearSite& site : *linears) {
        const std::string& module = site.module;
        const bool attends =
            module == names.q || module == names.k || module == names.v || module == names.qkv;
        Change& change = changes_[prefix + module];
        if (module == names.o || writes_mlp(module, layer)) {
          change = {.outputs = &stream_, .blocks = {0}};
        } else {
          change = {.norm = attends ? attention : mlp, .inputs = &stream_};
        }
      }
    }
    changes_[prefix + std::string(names.o)].inputs = &values_;
    add_value_heads(layer, prefix);
  }

  bool writes_mlp(const std::string& module, std::int64_t layer) const {
    const ModelConfig& m = model_.config();
    if (!m.kind(layer).experts) return module == m.modules.down;
    for (std::int64_t e = 0; e < m.experts.count; ++e) {
      if (module == numbered(m.modules.expert_down, e)) return true;
    }
    return module == m.modules.shared_down;
  }

  void add_value_heads(std::int64_t layer, const std::string& prefix) {
    for (const FoldingSite& site : folding_sites(model_.config(), layer)) {
      const auto& readers = site.consumers.modules;
      if (std::find(readers.begin(), readers.end(), model_.config().modules.o) == readers.end()) continue;
      Change& change = changes_.at(prefix + site.producer);
      change.outputs = &values_;
      std::set<std::size_t> heads;
      for (std::size_t i = 0; i < site.rows.size(); i += values_.size()) heads.insert(site.rows[i]);
      change.blocks.assign(heads.begin(), heads.end());
    }
  }

  std::vector<float> weight(const std::string& module, const Change& change) {
    const std::string own = module == architecture_of(model_.config()).head && model_.config().tied_embeddings
                                ? head_linear(model_.config()).module
                                : module;
    const LinearWeight stored = model_.linear(own);
    const std::size_t out = width(stored.out), in = width(stored.in);
    std::vector<float> factors, values(out * in);
    if (!change.norm.empty()) factors = model_.norm_factors(change.norm, in);
    threads_.run((out + kTile - 1) / kTile, [&](std::size_t tile) {
      const std::size_t first = tile * kTile, count = std::min(kTile, out - first);
      std::vector<float> rows(count * in);
      stored.dequantize(static_cast<std::int64_t>(first), static_cast<std::int64_t>(first + count),
                        rows.data());
      expect_finite_rows(rows, in, static_cast<std::int64_t>(first), own);
      std::vector<double> wide(rows.begin(), rows.end());
      for (std::size_t i = 0; i < wide.size() && !factors.empty(); ++i) wide[i] *= factors[i % in];
      if (change.inputs != nullptr) change.inputs->apply(wide.data(), wide.size() / change.inputs->size());
      std::transform(wide.begin(), wide.end(), values.begin() + static_cast<std::ptrdiff_t>(first * in),
                     [](double value) { return static_cast<float>(value); });
    });
    rotate_outputs(change, in, values);
    model_.checkpoint().release(own);
    return values;
  }

  // values [out, in]
  void rotate_outputs(const Change& change, std::size_t in, std::vector<float>& values) {
    if (change.outputs == nullptr) return;
    const std::size_t size = change.outputs->size();
    threads_.run((in + kTile - 1) / kTile, [&](std::size_t tile) {
      const std::size_t first = tile * kTile, count = std::min(kTile, in - first);
      std::vector<double> columns(count * size);
      for (const std::size_t block : change.blocks) {
        float* corner = values.data() + block * in + first;
        for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = corner[i % size * in + i / size];
        change.outputs->apply(columns.data(), count);
        for (std::size_t i = 0; i < columns.size(); ++i)
          corner[i % size * in + i / size] = static_cast<float>(columns[i]);
      }
    });
  }

  const ModelSource& model_;
  ThreadPool& threads_;
  Random seeds_;
  Rotation stream_, values_;
  std::map<std::string, Change> changes_;  // by module
  std::set<std::string> norms_;            // that become neutral
};

std::vector<TensorPlan> rotated_plan(const ModelSource& model, const std::set<std::string>& precise) {
  const Architecture& architecture = architecture_of(model.config());
  const std::string head = weight_of(architecture.head), table = weight_of(architecture.embedding);
  std::vector<TensorPlan> plan;
  for (const std::string& name : model.checkpoint().names()) {
    const TensorView& view = model.checkpoint().tensor(name);
    if (model.config().tied_embeddings && (name == head || name == table)) {
      if (name != weight_of(model.embedding())) continue;  // the same values again
      plan.push_back({table, view.dtype, view.shape});
      plan.push_back({head, view.dtype, view.shape});
      continue;
    }
    const bool wide = name.ends_with(".weight") && precise.contains(name.substr(0, name.rfind('.')));
    plan.push_back({name, wide ? DType::F32 : view.dtype, view.shape});
  }
  return plan;
}

std::string untied(const Checkpoint& source) {
  nlohmann::ordered_json config = parse_json(source.config(), source.config_path());
  config["tie_word_embeddings"] = false;
  return config.dump(2) + "\n";
}

std::vector<std::byte> stored(const std::vector<float>& values, const TensorPlan& tensor) {
  std::vector<std::byte> bytes(values.size() * size_of(tensor.dtype));
  from_float(tensor.dtype, values.data(), values.size(), bytes.data());
  if (find_not_finite(tensor.dtype, bytes.data(), values.size()) < values.size()) {
    throw Error("not_finite", "the rotated values are too large for its type", tensor.name,
                "store the model in bfloat16 or float32 first (quantize/rtn, type: bf16)");
  }
  return bytes;
}

}  // namespace

void require_rotatable(const ModelSource& model) {
  const ModelConfig& m = model.config();
  const Architecture& architecture = architecture_of(m);
  const auto refuse = [&](bool present, const std::string& feature) {
    if (!present) return;
    throw Error("unsupported", "rotations cannot be folded into this model: " + feature, "/rotate",
                "set rotate to none");
  };
  refuse(!model.quantization().empty(), "it is quantized already");
  refuse(m.norm.centred, "LayerNorm subtracts the mean of its inputs");
  refuse(m.norm.bias, "its norms have a bias");
  refuse(!m.modules.attention_norm.empty() || !m.modules.mlp_output_norm.empty(),
         "it has norms behind attention or MLP");
  refuse(m.modules.input_norm.empty(), "it has no norm before attention");
  refuse(m.modules.mlp_norm.empty() && !m.parallel, "it has no norm before the MLP");
  refuse(!architecture.embedding_norm.empty(), "it has a norm behind the embedding");
  refuse(!architecture.positions.empty(), "it adds learned positions");
  refuse(m.qkv_limit != 0, "it limits the values of its heads");
}

std::uint64_t rotated_bytes(const ModelSource& model, const ModelRotation& rotation) {
  std::uint64_t bytes = 0;
  for (const TensorPlan& tensor : rotated_plan(model, rotation.precise)) bytes += tensor.byte_count();
  return bytes;
}

void write_rotated(const ModelSource& model, const ModelRotation& rotation, const fs::path& folder,
                   ThreadPool& threads, const std::function<void(double)>& step) {
  require_rotatable(model);
  const fs::path partial = folder.string() + ".partial";
  fs::remove_all(partial);
  const Checkpoint& source = model.checkpoint();
  const std::vector<TensorPlan> plan = rotated_plan(model, rotation.precise);
  CheckpointWriter writer(partial, plan);
  Rotations rotations(model, rotation.seed, threads);
  for (std::size_t i = 0; i < plan.size(); ++i) {
    if (step) step(static_cast<double>(i) / static_cast<double>(plan.size()));
    if (const auto values = rotations.changed(plan[i].name)) {
      writer.write(plan[i].name, stored(*values, plan[i]));
    } else {
      writer.write(plan[i].name, source.tensor(plan[i].name).bytes);
    }
  }
  writer.finish(source, model.config().tied_embeddings ? untied(source) : source.config());
  fs::rename(partial, folder);
}

}  // namespace presswork::modelkit
