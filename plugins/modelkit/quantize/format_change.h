// The quantized linears of a model in another format, with the very same values.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "plugins/modelkit/model/model_source.h"
#include "plugins/modelkit/quantize/quantized_checkpoint.h"
#include "plugins/modelkit/quantize/targets.h"

namespace presswork::modelkit {

class FormatChange {
 public:
  // Looks at every quantized weight of `source`, which must outlive this, and hears `step` after each linear.
  // Throws "unsupported" naming the module, what of it the format cannot hold, and which formats can; or that
  // nothing is quantized.
  using Step = std::function<void()>;
  FormatChange(const ModelSource& source, std::string_view format, const Step& step);

  const QuantizationTargets& targets() const { return targets_; }

  // Writes the model to `folder`, reads it back and compares each weight, bit for bit; `step` as above, once
  // for each target. Returns the bytes of the weight files.
  std::uint64_t write(const std::filesystem::path& folder, const Step& step,
                      const std::function<void(const std::string&)>& skipped) const;

 private:
  void add(const LinearSite& site, std::string_view format);
  void unite(std::string_view format);
  LinearWeight load(const std::string& module) const;

  const ModelSource& source_;
  QuantizationTargets targets_;
  std::map<std::string, QuantizationScheme> schemes_;
};

}  // namespace presswork::modelkit
