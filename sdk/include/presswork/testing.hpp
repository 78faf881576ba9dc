// Runs a stage in a unit test, in this process and without the orchestrator, through the same C functions
// that the host calls:
//
//     presswork::testing::StageRunner<MyStage> runner;
//     runner.parameter("bits", 4).input("model", folder);
//     const auto result = runner.run();
//     EXPECT_TRUE(result.ok()) << result.message;
//
// It belongs to no test framework. A stage that crashes takes the test with it: isolation is the host's.
#pragma once

#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "presswork/stage.hpp"

namespace presswork::testing {

struct Result {
  std::int32_t status = PW_FAILED;
  std::string code, message, where, hint;  // of fail(), or of a misused context
  std::map<std::string, Json> metrics;
  std::map<std::string, std::filesystem::path> outputs;
  std::vector<std::string> references;  // names of those outputs that are references
  std::vector<std::string> log;
  Json estimates;  // of plan()

  bool ok() const { return status == PW_OK && code.empty(); }
};

// What the stage sees of its host; all functions are thread-safe.
class FakeHost {
 public:
  FakeHost() {
    using F = Functions;
    context_ = {sizeof(pw_context),
                PW_ABI_MAJOR,
                PW_ABI_MINOR,
                this,
                &F::parameters,
                &F::parameter_number,
                &F::parameter_boolean,
                &F::parameter_text,
                &F::input,
                &F::inputs,
                &F::work_dir,
                &F::scratch_dir,
                [](const pw_context* c) { return self(c).seed; },
                [](const pw_context* c) { return self(c).threads; },
                [](const pw_context* c) { return self(c).memory; },
                &F::log,
                [](const pw_context*, double, double, const char*) {},
                &F::metric,
                [](const pw_context* c) { return self(c).cancelled ? 1 : 0; },
                &F::output,
                &F::fail,
                &F::extension};
    facts_ = {sizeof(pw_run_facts_v1), 0, &F::facts};
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  const pw_context* context() const { return &context_; }

  Json parameters = Json::object(), inputs = Json::object(), run_facts;
  std::string work_dir, scratch_dir;
  std::uint64_t seed = 0, memory = 0;
  std::uint32_t threads = 1;
  std::atomic<bool> cancelled{false};
  Result result;

  // Texts that the stage borrows for the length of a call.
  void prepare() {
    result = {};
    parameters_text_ = parameters.dump();
    inputs_text_ = inputs.dump();
    facts_text_ = run_facts.dump();
  }

 private:
  static FakeHost& self(const pw_context* context) { return *static_cast<FakeHost*>(context->state); }

  void misuse(const char* code, const std::string& where, const char* message) {
    if (!result.code.empty()) return;
    result.code = code;
    result.where = where;
    result.message = message;
  }

  struct Functions {
    static const Json* at(const pw_context* c, const char* pointer) {
      const Json::json_pointer place{std::string(pointer)};
      return self(c).parameters.contains(place) ? &self(c).parameters.at(place) : nullptr;
    }
    static const char* parameters(const pw_context* c) { return self(c).parameters_text_.c_str(); }
    static std::int32_t parameter_number(const pw_context* c, const char* pointer, double* value) {
      const Json* found = at(c, pointer);
      if (found == nullptr || !found->is_number()) return 0;
      *value = found->get<double>();
      return 1;
    }
    static std::int32_t parameter_boolean(const pw_context* c, const char* pointer, std::int32_t* value) {
      const Json* found = at(c, pointer);
      if (found == nullptr || !found->is_boolean()) return 0;
      *value = found->get<bool>() ? 1 : 0;
      return 1;
    }
    static const char* parameter_text(const pw_context* c, const char* pointer) {
      const Json* found = at(c, pointer);
      return found == nullptr || !found->is_string() ? nullptr : found->get_ref<const std::string&>().c_str();
    }
    static const char* input(const pw_context* c, const char* name) {
      const auto found = self(c).inputs.find(name);
      if (found == self(c).inputs.end()) return nullptr;
      return found->at("path").get_ref<const std::string&>().c_str();
    }
    static const char* inputs(const pw_context* c) { return self(c).inputs_text_.c_str(); }
    static const char* work_dir(const pw_context* c) { return self(c).work_dir.c_str(); }
    static const char* scratch_dir(const pw_context* c) { return self(c).scratch_dir.c_str(); }
    static void log(const pw_context* c, std::int32_t, const char* text) {
      const std::lock_guard<std::mutex> lock(self(c).mutex_);
      self(c).result.log.emplace_back(text);
    }
    static void metric(const pw_context* c, const char* name, const char* json) {
      const std::lock_guard<std::mutex> lock(self(c).mutex_);
      Json value = Json::parse(json, nullptr, false);
      if (value.is_discarded()) {
        self(c).misuse("invalid_metric", name, "the metric's value is not JSON of finite numbers");
      } else {
        self(c).result.metrics[name] = std::move(value);
      }
    }
    static void output(const pw_context* c, const char* name, const char* path, std::uint32_t flags) {
      FakeHost& host = self(c);
      const std::lock_guard<std::mutex> lock(host.mutex_);
      if (!host.result.outputs.emplace(name, path).second) {
        host.misuse("invalid_output", name, "the output was declared twice");
      } else if (!std::filesystem::exists(path)) {
        host.misuse("invalid_output", name, "the output does not exist");
      } else if (flags == PW_OUTPUT_REFERENCE) {
        host.result.references.emplace_back(name);
      } else if (std::filesystem::canonical(path).native().rfind(host.work_dir + "/", 0) != 0) {
        host.misuse("invalid_output", name, "the output is not inside the work folder");
      }
    }
    static void fail(const pw_context* c, const char* code, const char* pointer, const char* message,
                     const char* hint) {
      const std::lock_guard<std::mutex> lock(self(c).mutex_);
      self(c).result.code = code;
      self(c).result.where = pointer;
      self(c).result.message = message;
      self(c).result.hint = hint;
    }
    static const void* extension(const pw_context* c, const char* id, std::uint32_t revision) {
      const bool offered = std::string(id) == PW_EXTENSION_RUN_FACTS && revision == 1;
      return offered && !self(c).run_facts.is_null() ? &self(c).facts_ : nullptr;
    }
    static const char* facts(const pw_context* c) { return self(c).facts_text_.c_str(); }
  };

  pw_context context_{};
  pw_run_facts_v1 facts_{};
  std::string parameters_text_, inputs_text_, facts_text_;
  std::mutex mutex_;
};

// One stage with its parameters, inputs and temporary folders, which live as long as the runner.
template <class S>
class StageRunner {
 public:
  StageRunner() {
    std::string pattern = (std::filesystem::temp_directory_path() / "presswork-stage-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
    folder_ = std::filesystem::canonical(pattern);
    host_.scratch_dir = (folder_ / "scratch").string();
    std::filesystem::create_directory(host_.scratch_dir);
    fill_defaults();
  }
  ~StageRunner() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  StageRunner(const StageRunner&) = delete;
  StageRunner& operator=(const StageRunner&) = delete;

  // Throws std::invalid_argument for a parameter or input that the stage does not describe.
  StageRunner& parameter(const std::string& name, Json value) {
    if (!description_.at("parameters").at("properties").contains(name)) {
      throw std::invalid_argument(std::string(S::id) + " has no parameter " + name);
    }
    host_.parameters[name] = std::move(value);
    return *this;
  }
  StageRunner& input(const std::string& name, const std::filesystem::path& path) {
    const Json known = description_.value("inputs", Json::object());
    if (!known.contains(name) && !description_.contains("additional_inputs")) {
      throw std::invalid_argument(std::string(S::id) + " has no input " + name);
    }
    const Json type = known.contains(name) ? known[name]["type"] : Json("any");
    host_.inputs[name] = {{"path", std::filesystem::absolute(path).string()},
                          {"type", type},
                          {"digest", ""},
                          {"instance", ""},
                          {"output", ""}};
    return *this;
  }
  StageRunner& seed(std::uint64_t value) { return host_.seed = value, *this; }
  StageRunner& threads(std::uint32_t value) { return host_.threads = value, *this; }
  StageRunner& memory(std::uint64_t bytes) { return host_.memory = bytes, *this; }
  StageRunner& run_facts(Json facts) { return host_.run_facts = std::move(facts), *this; }
  StageRunner& cancel() { return host_.cancelled = true, *this; }

  // Each call is a new attempt: a fresh work folder, the same scratch folder.
  Result run() {
    return call([](void* instance, const pw_context* context, const pw_sink*) {
      return table.run(instance, context);
    });
  }
  Result rollback() {
    return call([](void* instance, const pw_context* context, const pw_sink*) {
      return table.rollback(instance, context);
    });
  }
  Result plan() { return call(table.plan); }

 private:
  static constexpr const pw_stage& table = detail::stage_table<S>;

  void fill_defaults() {
    for (const auto& [name, property] : description_.at("parameters").at("properties").items()) {
      if (property.contains("default")) host_.parameters[name] = property["default"];
    }
  }

  template <class Function>
  Result call(Function function) {
    const auto work = folder_ / ("work-" + std::to_string(++attempts_));
    std::filesystem::create_directory(work);
    host_.work_dir = work.string();
    host_.prepare();
    std::string text;
    const pw_sink sink = {sizeof(pw_sink), 0, &text, [](void* state, const char* data, std::size_t size) {
                            static_cast<std::string*>(state)->append(data, size);
                          }};
    void* instance = nullptr;
    std::int32_t status = table.create(host_.context(), &instance);
    if (status == PW_OK) {
      status = function(instance, host_.context(), &sink);
      table.destroy(instance);
    }
    Result result = host_.result;
    result.status = status;
    if (!text.empty()) result.estimates = Json::parse(text);
    return result;
  }

  Json description_ = S::describe();
  FakeHost host_;
  std::filesystem::path folder_;
  int attempts_ = 0;
};

}  // namespace presswork::testing
