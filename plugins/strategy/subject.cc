#include "plugins/strategy/subject.h"

#include "presswork/error.h"

namespace presswork::strategy {

using modelkit::InferenceShape;

namespace {

// The formulas know no precision of stored integers with scales: those models are what their bytes say.
Subject read(const Json& analysis) {
  const Json& model = analysis.at("model");
  const Json& load = analysis.at("inference_memory");
  Subject subject;
  InferenceShape& shape = subject.guide;
  shape.params = analysis.at("parameters");
  shape.batch_size = load.at("batch_size");
  shape.seq_len = load.at("seq_len");
  shape.d_model = model.at("d_model");
  shape.n_layers = model.at("n_layers");
  shape.n_heads = model.at("n_heads");
  shape.precision = analysis.at("precision");
  subject.bytes = analysis.at("bytes");
  subject.refined = shape;
  subject.refined.n_kv_heads = model.at("n_kv_heads").get<double>();
  subject.refined.head_dim = model.at("head_dim").get<double>();
  if (modelkit::bytes_per_parameter(shape.precision) < 2) subject.refined.kv_precision = "fp16";
  subject.refined.weight_bytes = subject.bytes;
  subject.widths = {model.at("d_model"), model.at("d_mlp"),
                    model.at("n_heads").get<std::int64_t>() * model.at("head_dim").get<std::int64_t>()};
  const Json& kinds = analysis.at("parameters_by_kind");
  subject.linear_params = kinds.value("attention", 0.0) + kinds.value("mlp", 0.0);
  subject.kept_bytes = subject.bytes * (1 - subject.linear_params / shape.params);
  const Json sensitivity = analysis.value("sensitivity", Json::object()).value("model", Json::object());
  for (const auto& [precision, entry] : sensitivity.items()) {
    subject.measured_loss[precision] = entry.at("loss_percent");
  }
  return subject;
}

}  // namespace

Subject subject_of(const Json& analysis, const std::string& where) {
  try {
    return read(analysis);
  } catch (const Json::exception& error) {
    throw Error("invalid_input", std::string("is no analysis of a model: ") + error.what(), where,
                "connect the output analysis of analyze/model");
  }
}

Subject subject_from(const Json& parameters) {
  const auto number = [&](const char* name) {
    const Json value = parameters.value(name, Json());
    if (value.is_number()) return value.get<double>();
    throw Error(
        "invalid_parameter", "is needed when no analysis is connected", std::string("/") + name,
        "connect the output analysis of analyze/model, or give params, d_model, n_layers and n_heads");
  };
  Subject subject;
  InferenceShape& shape = subject.guide;
  shape.params = number("params");
  shape.d_model = number("d_model");
  shape.n_layers = number("n_layers");
  shape.n_heads = number("n_heads");
  shape.batch_size = number("batch_size");
  shape.seq_len = number("seq_len");
  shape.precision = parameters.at("precision");
  subject.refined = shape;
  subject.linear_params = shape.params;
  subject.widths = {static_cast<std::int64_t>(shape.d_model)};
  subject.bytes = shape.params * modelkit::bytes_per_parameter(shape.precision);
  return subject;
}

}  // namespace presswork::strategy
