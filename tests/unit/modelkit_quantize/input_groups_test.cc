#include "plugins/modelkit/quantize/input_groups.h"

#include <gmock/gmock.h>

#include <map>
#include <numeric>

#include "plugins/modelkit/model/transformer.h"

namespace presswork::modelkit {
namespace {

// The forward pass itself says which linears share their inputs.
TEST(InputGroups, AreThoseThatTheForwardPassShows) {
  for (const char* fixture :
       {"llama", "phi3", "mixtral", "gpt-neox", "qwen2-moe", "opt", "falcon-grouped", "gemma2"}) {
    const ModelSource source =
        ModelSource::open(std::filesystem::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures" / fixture);
    const auto compute = make_cpu_compute(1);
    Transformer model(*compute, source);
    for (const std::int64_t layer : {std::int64_t{0}, source.config().layers - 1}) {
      std::vector<std::int32_t> ids(40);
      std::iota(ids.begin(), ids.end(), 3);
      std::map<std::vector<std::string>, std::size_t> heard;
      model.layer(layer).forward(model.embed(ids, 20), 20, model.rope(),
                                 [&](auto modules, const Matrix& input) {
                                   heard[{modules.begin(), modules.end()}] = input.cols;
                                 });
      std::map<std::vector<std::string>, std::size_t> told;
      for (const InputGroup& group : input_groups(source.config(), layer))
        told[group.modules] = static_cast<std::size_t>(group.inputs);
      if (source.config().experts.count == 0) {
        EXPECT_EQ(heard, told) << fixture;
      } else {  // an expert may have no token
        for (const auto& [modules, inputs] : heard) EXPECT_EQ(told[modules], inputs) << fixture;
      }
    }
  }
}

}  // namespace
}  // namespace presswork::modelkit
