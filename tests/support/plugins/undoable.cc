// test/undoable leaves a mark outside of its outputs and takes it away again in its rollback.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "presswork/stage.hpp"

namespace presswork {

struct Undoable : Stage {
  static constexpr const char* id = "test/undoable";

  static Json describe() {
    return {
        {"title", "Leave a mark"},
        {"description", "Writes a file outside of its outputs, and removes it in its rollback."},
        {"parameters",
         {{"type", "object"},
          {"additionalProperties", false},
          {"required", {"mark"}},
          {"properties",
           {{"mark", {{"type", "string"}, {"description", "The file's path."}}},
            {"journal",
             {{"type", "string"}, {"default", ""}, {"description", "A file that hears of each rollback."}}},
            {"crash_while",
             {{"type", "string"},
              {"default", ""},
              {"description", "The rollback crashes while there is a file at this path."}}}}}}},
        {"inputs", {{"after", {{"type", "any"}, {"required", false}, {"description", "Anything."}}}}},
        {"outputs", {{"text", {{"type", "text"}, {"description", "The mark's path."}}}}},
        {"metrics", Json::object()},
        {"rollback", true}};
  }

  void run(const Context& context) override {
    const auto mark = context.parameter<std::string>("mark");
    std::ofstream(mark) << "made\n";
    const auto path = context.work_dir() / "text.txt";
    std::ofstream(path) << mark << '\n';
    context.output("text", path);
  }

  void rollback(const Context& context) override {
    const auto crash = context.parameter<std::string>("crash_while");
    if (!crash.empty() && std::filesystem::exists(crash)) std::abort();
    const auto mark = context.parameter<std::string>("mark");
    std::filesystem::remove(mark);
    const auto journal = context.parameter<std::string>("journal");
    if (!journal.empty()) std::ofstream(journal, std::ios::app) << mark << '\n';
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-test-undoable", "0.1.0", presswork::Undoable);
