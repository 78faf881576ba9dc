// test/noop does nothing, as fast as can be; by parameter it writes one tiny output.
#include <fstream>

#include "presswork/stage.hpp"

namespace presswork {

struct Noop : Stage {
  static constexpr const char* id = "test/noop";

  static Json describe() {
    return {
        {"title", "Do nothing"},
        {"description", "Measures what a stage costs besides its work."},
        {"parameters",
         {{"type", "object"},
          {"additionalProperties", false},
          {"properties",
           {{"output", {{"type", "boolean"}, {"default", true}, {"description", "Write the tiny output."}}},
            {"salt", {{"type", "integer"}, {"default", 0}, {"description", "Tells instances apart."}}}}}}},
        {"inputs", {{"after", {{"type", "any"}, {"required", false}, {"description", "Anything."}}}}},
        {"outputs", {{"text", {{"type", "text"}, {"description", "The word \"done\"."}}}}},
        {"metrics", Json::object()},
        {"cacheable", true}};
  }

  void run(const Context& context) override {
    if (!context.parameter<bool>("output")) return;
    const auto path = context.work_dir() / "text.txt";
    std::ofstream(path) << "done\n";
    context.output("text", path);
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-test-noop", "0.1.0", presswork::Noop);
