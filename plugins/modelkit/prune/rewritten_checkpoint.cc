#include "plugins/modelkit/prune/rewritten_checkpoint.h"

#include "plugins/modelkit/checkpoint/compressed_tensors.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

std::vector<TensorPlan> plan_of(const Checkpoint& source) {
  std::vector<TensorPlan> plan;
  for (const std::string& name : source.names()) {
    const TensorView& view = source.tensor(name);
    plan.push_back({name, view.dtype, view.shape});
  }
  return plan;
}

}  // namespace

RewrittenCheckpoint::RewrittenCheckpoint(const Checkpoint& source, const QuantizationConfig& quantization,
                                         std::filesystem::path folder)
    : source_(source), quantization_(quantization), writer_(std::move(folder), plan_of(source)) {}

void RewrittenCheckpoint::write(const std::string& tensor, std::span<const std::byte> data) {
  writer_.write(tensor, data);
  written_.insert(tensor);
}

void RewrittenCheckpoint::write(const std::string& module, const LinearWeight& weight) {
  if (const DenseWeight* dense = weight.dense();
      dense != nullptr && source_.find(module + ".weight") != nullptr) {
    write(module + ".weight", dense->bytes);
    return;
  }
  const QuantizationScheme* scheme = quantization_.scheme_for(module);
  const TensorView* scale = source_.find(module + ".weight_scale");
  const bool ours =
      scheme != nullptr && scale != nullptr && weight.grouped_int() != nullptr &&
      (scheme->format == PackedFormat::PackQuantized || scheme->format == PackedFormat::IntQuantized);
  if (!ours) {
    throw Error("unsupported", "weights stored in this form cannot be written back", module,
                "start from the model as it was before it was quantized");
  }
  for (const NamedBytes& part : compressed_data(module, weight, *scheme, scale->dtype)) {
    if (source_.find(part.name) != nullptr) write(part.name, part.bytes);
  }
}

std::uint64_t RewrittenCheckpoint::finish(const std::function<void(const std::string&)>& skipped) {
  for (const std::string& name : source_.names()) {
    if (written_.count(name) == 0) writer_.write(name, source_.tensor(name).bytes);
  }
  writer_.finish(source_, source_.config(), skipped);
  return writer_.file_bytes();
}

}  // namespace presswork::modelkit
