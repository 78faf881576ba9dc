#include "plugins/modelkit/quantize/gptq_layer.h"

#include <map>

#include "plugins/modelkit/quantize/diagnostics.h"
#include "plugins/modelkit/quantize/input_statistics.h"

namespace presswork::modelkit {
namespace {

void quantize_group(CalibrationLayer& layer, const InputGroup& group, Gram& inputs,
                    const GptqLayerOptions& options, ThreadPool& threads, LayerChange& change,
                    std::map<std::string, std::vector<float>>* unrounded) {
  const GptqSolver solver = [&] {
    const PhaseTimes::Scope timed(layer.times(), "factorization");
    return GptqSolver(inputs, options.gptq, threads);
  }();
  const PhaseTimes::Scope timed(layer.times(), "rounding");
  for (const std::string& module : group.modules) {
    const std::string name = layer.whole_name(module);
    if (!options.targets.contains(name)) continue;
    QuantizationGrid grid = options.gptq.grid;
    if (const auto found = options.bits.find(name); found != options.bits.end()) grid.bits = found->second;
    GptqResult result = solver.quantize(layer.weight(module), name, grid,
                                        unrounded == nullptr ? nullptr : &(*unrounded)[module]);
    layer.model().checkpoint().release(name);
    Figures& figures = change.figures[module];
    figures = {{"weight_error", result.error.relative()},
               {"rounding_error", result.rounding.relative()},
               {"output_error", result.output.after},
               {"rounding_output_error", result.output.before},
               {"damp", solver.damp()},
               {"tokens", static_cast<double>(inputs.rows())}};
    add_integer_figures(figures, result.weight, result.clipped);
    add_input_figures(figures, inputs.mean_squares());
    change.linears.emplace(module, std::move(result.weight));
  }
}

}  // namespace

LayerChange quantize_layer_gptq(CalibrationLayer& layer, const GptqLayerOptions& options, ThreadPool& threads,
                                std::map<std::string, std::vector<float>>* unrounded) {
  const std::vector<InputGroup> groups = target_groups(layer, options.targets);
  const auto passes =
      options.true_sequential ? one_by_one(groups) : within_budget(groups, gram_budget(layer.bytes()));
  layer.expect_passes(passes.size());
  LayerChange change;
  for (const auto& pass : passes) {
    std::map<std::string, Gram> inputs = observe_grams(layer, pass, threads);
    for (const InputGroup& group : pass) {
      quantize_group(layer, group, inputs.at(group.modules.front()), options, threads, change, unrounded);
      inputs.erase(group.modules.front());
      if (!options.true_sequential) continue;
      for (const std::string& module : group.modules) {
        if (const auto found = change.linears.find(module); found != change.linears.end())
          layer.replace(module, found->second);
      }
    }
  }
  if (!options.true_sequential) {
    for (const auto& [module, weight] : change.linears) layer.replace(module, weight);
  }
  return change;
}

}  // namespace presswork::modelkit
