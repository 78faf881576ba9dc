#include "plugins/modelkit/train/training_file.h"

#include <cstring>
#include <optional>
#include <string>

#include "plugins/modelkit/formats/safetensors.h"
#include "plugins/modelkit/formats/safetensors_writer.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr const char* kSteps = "steps";  // F64 [steps, 3], as TrainingStep
static_assert(sizeof(TrainingStep) == 3 * sizeof(double));

// What is kept of each parameter, by name.
struct Kept {
  std::string name;
  Matrix matrix;
};

std::vector<Kept> kept(const Optimizer& optimizer) {
  std::vector<Kept> all;
  for (std::size_t i = 0; i < optimizer.parameters().size(); ++i) {
    const TrainedParameter& each = optimizer.parameters()[i];
    const std::string name = "parameter." + std::to_string(i) + ".";
    all.push_back({name + "value", each.value});
    all.push_back({name + "mean", each.mean});
    all.push_back({name + "square", each.square});
  }
  return all;
}

std::optional<SafetensorsFile> open(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return {};
  try {
    return SafetensorsFile(path);
  } catch (const Error&) {
    return {};  // a crash of the machine can leave less than was written
  }
}

}  // namespace

void save_training(const std::filesystem::path& path, const Optimizer& optimizer,
                   const std::vector<TrainingStep>& steps, Compute& compute) {
  const auto all = kept(optimizer);
  std::vector<TensorPlan> plan{{kSteps, DType::F64, {static_cast<std::int64_t>(steps.size()), 3}}};
  for (const Kept& each : all) {
    plan.push_back(
        {each.name,
         DType::F32,
         {static_cast<std::int64_t>(each.matrix.rows), static_cast<std::int64_t>(each.matrix.cols)}});
  }
  SafetensorsWriter writer(path, plan);
  writer.write(kSteps, std::as_bytes(std::span(steps)));
  std::vector<float> values;
  for (const Kept& each : all) {
    values.resize(each.matrix.rows * each.matrix.cols);
    compute.read(each.matrix, values);
    writer.write(each.name, std::as_bytes(std::span(values)));
  }
  writer.publish();
}

std::vector<TrainingStep> load_training(const std::filesystem::path& path, Optimizer& optimizer,
                                        Compute& compute) {
  const auto file = open(path);
  if (!file) return {};
  const auto read = [&](const std::string& name, std::size_t bytes, void* to) {
    const TensorView* view = file->find(name);
    if (view == nullptr || view->bytes.size() != bytes)
      throw Error("corrupt_file", "the tensor " + name + " is missing or of another shape", path.string());
    std::memcpy(to, view->bytes.data(), bytes);
  };
  const TensorView* view = file->find(kSteps);
  std::vector<TrainingStep> steps(view == nullptr ? 0 : view->bytes.size() / sizeof(TrainingStep));
  read(kSteps, steps.size() * sizeof(TrainingStep), steps.data());
  std::vector<float> values;
  for (const Kept& each : kept(optimizer)) {
    values.resize(each.matrix.rows * each.matrix.cols);
    read(each.name, values.size() * sizeof(float), values.data());
    compute.write(each.matrix, values);
  }
  optimizer.resume(static_cast<std::int64_t>(steps.size()));
  return steps;
}

}  // namespace presswork::modelkit
