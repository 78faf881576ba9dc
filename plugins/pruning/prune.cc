// prune/unstructured and prune/n-m: zeros in place of the weights that matter least.
#include "plugins/pruning/pruning.h"

namespace presswork {

class PruneUnstructured : public Stage {
 public:
  static constexpr const char* id = "prune/unstructured";
  static Json describe() {
    return pruning::describe(
        "Prune single weights",
        "Sets the least important weights of each row of the decoder's linears to zero, wherever they lie.",
        {{"sparsity",
          {{"type", "number"},
           {"minimum", 0},
           {"exclusiveMaximum", 1},
           {"default", 0.5},
           {"description", "Share of the weights of each row that become zero."}}}});
  }
  Json plan(const Context& context) override { return pruning::plan(context); }
  void run(const Context& context) override {
    pruning::run(context, {.sparsity = context.parameter<double>("sparsity")});
  }
};

class PruneNm : public Stage {
 public:
  static constexpr const char* id = "prune/n-m";
  static Json describe() {
    return pruning::describe(
        "Prune weights in an N:M pattern",
        "Keeps the N most important of each M neighbouring inputs of a row of the decoder's linears; the "
        "others "
        "become zero. GPUs since Ampere multiply 2:4 matrices up to twice as fast.",
        {{"pattern",
          {{"type", "string"},
           {"pattern", "^[0-9]+:[0-9]+$"},
           {"default", "2:4"},
           {"description",
            "N:M, N of each M inputs are kept; M must divide the inputs of every pruned module."}}}});
  }
  Json plan(const Context& context) override { return pruning::plan(context); }
  void run(const Context& context) override {
    pruning::run(context, modelkit::SparsityPattern::parse(context.parameter<std::string>("pattern")));
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-pruning", "0.1.0", presswork::PruneUnstructured, presswork::PruneNm);
