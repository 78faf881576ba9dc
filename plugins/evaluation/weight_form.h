// How the stages that hold a whole model hold its weights: their parameter `weights`.
#pragma once

#include <algorithm>
#include <string>

#include "plugins/modelkit/model/model_source.h"
#include "presswork/stage.hpp"

namespace presswork::evaluation {

inline void describe_weights(Json& description, const char* usual) {
  description["parameters"]["properties"]["weights"] = {
      {"type", "string"},
      {"enum", {"exact", "stored", "float32", "bf16", "int8", "int4"}},
      {"default", usual},
      {"description",
       "How weights are held. exact: bfloat16 ones as they are, others in float32. stored: quantized ones of "
       "at most 8 bits as their integers, multiplied with activations of 8 bits; others in bfloat16. bf16: "
       "all in bfloat16, and of a prompt the activations too where the CPU multiplies bfloat16, which is "
       "less exact and faster. int8, int4: all linears and the head in blocks of 32 with a "
       "float16 scale, as Q8_0 and Q4_0."}};
}

// Whether bfloat16 loses nothing.
inline bool all_bf16(const modelkit::ModelSource& model) {
  const auto& names = model.checkpoint().names();
  return model.quantization().empty() && std::all_of(names.begin(), names.end(), [&](const auto& name) {
           const modelkit::TensorView& tensor = model.checkpoint().tensor(name);
           return tensor.shape.size() < 2 || tensor.dtype == modelkit::DType::BF16;
         });
}

inline modelkit::WeightForm weight_form(const Context& context, const modelkit::ModelSource& model) {
  using modelkit::WeightForm;
  const auto name = context.parameter<std::string>("weights");
  if (name == "exact") return all_bf16(model) ? WeightForm::Bf16 : WeightForm::Float32;
  if (name == "float32") return WeightForm::Float32;
  if (name == "bf16") return WeightForm::Bf16Products;
  if (name == "int8") return WeightForm::Int8;
  if (name == "int4") return WeightForm::Int4;
  return WeightForm::Stored;
}

}  // namespace presswork::evaluation
