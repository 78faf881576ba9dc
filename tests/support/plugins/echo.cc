// test/echo writes what it was given to its output, so that engine tests see what reached a stage. By
// parameter it takes its time, fails, or shows what an earlier attempt left in the scratch folder.
#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "presswork/stage.hpp"

namespace presswork {

namespace {

Json property(const char* type, const Json& fallback, const char* description) {
  return {{"type", type}, {"default", fallback}, {"description", description}};
}

int read_number(const std::filesystem::path& path) {
  int number = 0;
  std::ifstream(path) >> number;
  return number;
}

}  // namespace

struct Echo : Stage {
  static constexpr const char* id = "test/echo";

  static Json describe() {
    return {
        {"title", "Echo"},
        {"description", "Writes its parameters and the digests of its inputs to a file."},
        {"parameters",
         {{"type", "object"},
          {"additionalProperties", false},
          {"properties",
           {{"value", {{"default", 0}, {"description", "Anything; also the metric of that name."}}},
            {"milliseconds", property("integer", 0, "How long the work takes.")},
            {"steps", property("integer", 1, "In how many steps it is done; finished steps are resumed.")},
            {"fail", property("string", "", "A code to fail with at the end of the work.")},
            {"fail_times", property("integer", 0, "How many attempts die before one succeeds.")},
            {"file",
             {{"type", "string"}, {"format", "input-path"}, {"default", ""}, {"description", "A file."}}},
            {"reference", property("string", "", "A path to declare as the output instead.")}}}}},
        {"inputs", {{"model", {{"type", "any"}, {"required", false}, {"description", "Anything."}}}}},
        {"additional_inputs", {{"type", "any"}}},
        {"outputs", {{"text", {{"type", "text"}, {"description", "What the stage was given."}}}}},
        {"metrics",
         {{"value", {{"type", "number"}, {"description", "The parameter, when it is a number."}}},
          {"resumed_steps", {{"type", "integer"}, {"description", "Steps done by earlier attempts."}}}}},
        {"cacheable", true},
        {"reads_run", false}};
  }

  Json plan(const Context& context) override {
    return {{"seconds", context.parameter<double>("milliseconds") / 1000}, {"cores", 1}};
  }

  void run(const Context& context) override {
    die_as_often_as_told(context);
    work(context);
    if (const auto code = context.parameter<std::string>("fail"); !code.empty()) {
      throw Error(code, "the stage was told to fail", "/fail", "tell it otherwise");
    }
    const Json& value = context.parameters().at("value");
    if (value.is_number()) context.metric("value", value);
    if (const auto path = context.parameter<std::string>("reference"); !path.empty()) {
      return context.reference("text", path);
    }
    write_output(context);
  }

 private:
  static void die_as_often_as_told(const Context& context) {
    const auto path = context.scratch_dir() / "attempts";
    const int attempts = read_number(path);
    std::ofstream(path) << attempts + 1 << std::flush;
    if (attempts < context.parameter<int>("fail_times")) std::abort();
  }

  static void work(const Context& context) {
    const auto path = context.scratch_dir() / "steps";
    const int steps = context.parameter<int>("steps");
    const int resumed = read_number(path);
    context.metric("resumed_steps", resumed);
    const auto pause = std::chrono::milliseconds(context.parameter<int>("milliseconds")) / steps;
    for (int step = resumed; step < steps; ++step) {
      for (const auto end = std::chrono::steady_clock::now() + pause;
           std::chrono::steady_clock::now() < end;) {
        context.check_cancelled();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      std::ofstream(path) << step + 1 << std::flush;
      context.progress(step + 1, steps, "steps");
    }
  }

  static void write_output(const Context& context) {
    Json seen = {{"parameters", context.parameters()}, {"seed", context.seed()}, {"inputs", Json::object()}};
    const Json inputs = context.inputs();
    for (const auto& [name, input] : inputs.items()) seen["inputs"][name] = input.at("digest");
    const auto path = context.work_dir() / "echo.json";
    std::ofstream(path) << seen.dump(2) << '\n';
    context.info("echoed");
    context.output("text", path);
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-test-echo", "0.1.0", presswork::Echo);
