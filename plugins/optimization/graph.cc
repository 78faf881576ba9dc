// optimize/graph: the same function with less work and fewer bytes. Every change is exact, or not made.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "plugins/modelkit/checkpoint/checkpoint_writer.h"
#include "plugins/modelkit/checkpoint/verify.h"
#include "plugins/modelkit/data/random.h"
#include "plugins/modelkit/model/transformer.h"
#include "plugins/modelkit/optimize/norm_folding.h"
#include "presswork/stage.hpp"

namespace presswork {
namespace {

using namespace modelkit;

// Logits of a few random tokens, for comparing two models.
std::vector<float> logits_of(const ModelSource& model, unsigned threads) {
  constexpr std::size_t kTokens = 32;
  Random random(0);
  std::vector<std::int32_t> ids(kTokens);
  for (auto& id : ids) {
    id = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(model.config().vocab)));
  }
  const auto compute = make_cpu_compute(threads);
  Transformer transformer(*compute, model);
  const Matrix states = transformer.embed(ids, ids.size());
  for (std::int64_t i = 0; i < transformer.layers(); ++i) {
    transformer.layer(i).forward(states, ids.size(), transformer.rope());
  }
  transformer.final_norm(states);
  const Matrix logits = transformer.logits(states);
  std::vector<float> values(logits.rows * logits.cols);
  compute->read(logits, values);
  return values;
}

// The largest difference, relative to the largest logit.
double difference_of(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::fabs(static_cast<double>(a[i]) - b[i]));
    largest = std::max(largest, std::fabs(static_cast<double>(a[i])));
  }
  return largest == 0 ? difference : difference / largest;
}

}  // namespace

class OptimizeGraph : public Stage {
 public:
  static constexpr const char* id = "optimize/graph";

  static Json describe() {
    return Json::parse(R"json({
      "title": "Optimize a model's graph",
      "description": "Moves the weights of norms into the linears that read them, where every product is stored exactly, and leaves out tensors that nothing reads. The result is loaded again from disk and its logits are compared with the original's; more than max_difference is an error. Linears that are quantized are not folded into.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "widen": {"type": "boolean", "default": false, "description": "Store products that do not fit the type of the weights as float32, where those of 16-bit weights are exact: one step less in inference, for twice the room."},
          "max_difference": {"type": "number", "minimum": 0, "default": 1e-5, "description": "Largest difference of the logits of 32 random tokens, relative to the largest logit."}
        }
      },
      "inputs": {"model": {"type": "model", "required": true, "description": "Hugging Face model folder."}},
      "outputs": {"model": {"type": "model", "description": "The same function, as a Hugging Face model folder."}},
      "metrics": {
        "folded_norms": {"type": "integer", "headline": true, "description": "Norms that are neutral now."},
        "kept_norms": {"type": "integer", "description": "Norms that stayed."},
        "obstacles": {"type": "object", "description": "Reason to the number of norms that stayed for it."},
        "removed_tensors": {"type": "integer", "description": "Tensors left out, since nothing reads them."},
        "logit_difference": {"type": "number", "description": "Measured largest difference of the logits, relative to the largest."},
        "bytes": {"type": "integer", "unit": "B", "description": "Size of the weight files written; the same as compressed_bytes."},
        "original_bytes": {"type": "integer", "unit": "B", "description": "Size of the weight files before."},
        "compressed_bytes": {"type": "integer", "unit": "B", "description": "Size of the weight files after."},
        "compression_ratio": {"type": "number", "unit": "x", "description": "Size of the weight files before, divided by after."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
  }

  void run(const Context& context) override {
    const ModelSource model = ModelSource::open(context.input("model"));
    const auto structure = require_structure(model.checkpoint(), model.config(), model.quantization());
    std::map<std::string, FoldedTensor> changed = fold_all(context, model);
    const std::set<std::string> unread(structure.unexpected.begin(), structure.unexpected.end());
    const auto folder = context.work_dir() / "model";
    const std::uint64_t bytes = write(context, model, changed, unread, folder);
    prove_equal(context, model, folder);
    const std::uint64_t original = model.checkpoint().file_bytes();
    context.metric("removed_tensors", unread.size());
    context.metric("bytes", bytes);
    context.metric("original_bytes", original);
    context.metric("compressed_bytes", bytes);
    context.metric("compression_ratio", static_cast<double>(original) / static_cast<double>(bytes));
    context.output("model", folder);
  }

 private:
  static std::map<std::string, FoldedTensor> fold_all(const Context& context, const ModelSource& model) {
    std::map<std::string, FoldedTensor> changed;
    std::map<std::string, int> obstacles;
    int folded = 0, kept = 0;
    const auto norms = foldable_norms(model.config());
    for (const NormReaders& readers : norms) {
      context.check_cancelled();
      Folding folding = fold(model, readers, context.parameter<bool>("widen"));
      if (folding.tensors.empty()) {
        // The names of modules would make each reason another.
        const bool quantized = folding.obstacle.ends_with("quantized");
        const bool narrow = folding.obstacle.ends_with("type");
        ++obstacles[quantized ? "a linear is quantized"
                    : narrow  ? "a product does not fit the type"
                              : folding.obstacle];
        ++kept;
      }
      folded += folding.tensors.empty() ? 0 : 1;
      for (FoldedTensor& tensor : folding.tensors) changed.emplace(tensor.name, std::move(tensor));
      context.progress(folded + kept, static_cast<double>(norms.size()), "norms");
    }
    context.metric("folded_norms", folded);
    context.metric("kept_norms", kept);
    context.metric("obstacles", obstacles);
    return changed;
  }

  static std::uint64_t write(const Context& context, const ModelSource& model,
                             const std::map<std::string, FoldedTensor>& changed,
                             const std::set<std::string>& unread, const std::filesystem::path& folder) {
    const Checkpoint& source = model.checkpoint();
    std::vector<TensorPlan> plan;
    for (const std::string& name : source.names()) {
      if (unread.count(name) != 0) continue;
      const TensorView& view = source.tensor(name);
      const auto found = changed.find(name);
      plan.push_back({name, found == changed.end() ? view.dtype : found->second.dtype, view.shape});
    }
    CheckpointWriter writer(folder, plan);
    for (const TensorPlan& tensor : plan) {
      const auto found = changed.find(tensor.name);
      writer.write(tensor.name, found == changed.end() ? source.tensor(tensor.name).bytes
                                                       : std::span<const std::byte>(found->second.bytes));
      source.release(tensor.name);
    }
    writer.finish(source, source.config(), [&](const std::string& name) {
      context.warning("not carried over, since it holds the weights as they were: " + name);
    });
    return writer.file_bytes();
  }

  static void prove_equal(const Context& context, const ModelSource& model,
                          const std::filesystem::path& folder) {
    const double difference = difference_of(logits_of(model, context.threads()),
                                            logits_of(ModelSource::open(folder), context.threads()));
    context.metric("logit_difference", difference);
    if (difference <= context.parameter<double>("max_difference")) return;
    throw Error("not_equal",
                "the optimized model gives other logits than the original: they differ by " +
                    std::to_string(difference) + " of the largest",
                folder.string(), "this is a defect of the stage, or max_difference is too strict");
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-optimization", "0.1.0", presswork::OptimizeGraph);
