#include "orchestrator/host/call.h"

#include <cxxabi.h>

#include <exception>
#include <string>
#include <utility>

#include "orchestrator/host/context.h"
#include "orchestrator/host/plugin.h"
#include "orchestrator/host/protocol.h"

namespace presswork::host {

namespace {

Json done(const char* status) { return {{"event", "done"}, {"status", status}}; }

Json failed(const Failure& failure) {
  Json event = done("failed");
  event["code"] = failure.code;
  event["message"] = failure.message;
  event["where"] = failure.where;
  event["hint"] = failure.hint;
  return event;
}

// Text that a plugin writes, up to a limit.
struct Text {
  std::string text;
  bool cut = false;

  pw_sink sink() { return {sizeof(pw_sink), 0, this, &write}; }

 private:
  static void write(void* state, const char* data, std::size_t size) {
    Text& self = *static_cast<Text*>(state);
    if (data == nullptr) return;
    if (size > max_metric_bytes || self.text.size() + size > max_metric_bytes) {
      self.cut = true;
      return;
    }
    self.text.append(data, size);
  }
};

// Runs a plugin's function and stops what it throws: a stage that does not use stage.hpp may let an exception
// out, which the contract forbids but need not end in a mere SIGABRT.
template <class Function>
std::optional<Failure> stop_exceptions(const char* what, Function&& function) {
  const std::string called = std::string("an exception left the stage's ") + what + " function";
  const char* const hint =
      "exceptions must not cross the plugin's border; the trampolines of stage.hpp stop them";
  try {
    function();
    return std::nullopt;
  } catch (const std::exception& error) {
    return Failure{"threw", called + ": " + error.what(), "", hint};
  } catch (const abi::__forced_unwind&) {
    throw;  // the thread is being cancelled; this must go on
  } catch (...) {
    return Failure{"threw", called, "", hint};
  }
}

Json describe(const pw_plugin& plugin) {
  Json stages = Json::array();
  for (std::uint32_t i = 0; i < plugin.stage_count; ++i) {
    const pw_stage& stage = *plugin.stages[i];
    Text out;
    const pw_sink sink = out.sink();
    std::int32_t status = PW_FAILED;
    if (auto failure = stop_exceptions("describe", [&] { status = stage.describe(&sink); })) {
      failure->where = stage.id;
      return failed(*failure);
    }
    if (status != PW_OK || out.cut) {
      return failed({"invalid_description",
                     "stage \"" + std::string(stage.id) +
                         "\" cannot describe itself: " + (out.cut ? "its text is too long" : out.text),
                     stage.id, "this is a defect of the plugin"});
    }
    Json description = Json::parse(out.text, nullptr, false);
    if (!description.is_object() || description.value("id", Json()) != stage.id) {
      return failed(
          {"invalid_description",
           "the description of stage \"" + std::string(stage.id) + "\" is not a JSON object with that \"id\"",
           stage.id, "this is a defect of the plugin"});
    }
    stages.push_back(std::move(description));
  }
  Json event = done("ok");
  event["document"] = {{"name", plugin.name},
                       {"version", plugin.version},
                       {"abi", {plugin.abi_major, plugin.abi_minor}},
                       {"stages", std::move(stages)}};
  return event;
}

Json no_such_stage(const pw_plugin& plugin, const std::string& id) {
  std::string offered;
  for (std::uint32_t i = 0; i < plugin.stage_count; ++i) {
    offered += (i == 0 ? "" : ", ") + std::string(plugin.stages[i]->id);
  }
  return failed({"no_such_stage", "the plugin has no stage \"" + id + "\"; it offers: " + offered, "", ""});
}

struct Result {
  std::int32_t status = PW_FAILED;
  std::optional<Failure> thrown;
  Text text;  // of plan
};

// create, the verb, destroy. destroy is called whenever create succeeded, as the contract says.
Result call(const pw_stage& stage, const std::string& verb, const pw_context* context) {
  Result result;
  void* instance = nullptr;
  if (stage.create != nullptr) {
    result.thrown = stop_exceptions("create", [&] { result.status = stage.create(context, &instance); });
    if (result.thrown || result.status != PW_OK) return result;
  }
  result.thrown = stop_exceptions(verb.c_str(), [&] {
    if (verb == "run") {
      result.status = stage.run(instance, context);
    } else if (verb == "plan") {
      const pw_sink sink = result.text.sink();
      result.status = stage.plan == nullptr ? PW_UNSUPPORTED : stage.plan(instance, context, &sink);
    } else {
      result.status = stage.rollback == nullptr ? PW_UNSUPPORTED : stage.rollback(instance, context);
    }
  });
  if (stage.create != nullptr && !result.thrown) {
    result.thrown = stop_exceptions("destroy", [&] { stage.destroy(instance); });
  }
  return result;
}

Json judge_failure(const Context& context) {
  if (const auto failure = context.failure()) return failed(*failure);
  return failed({"unexplained", "the stage failed and did not say why", "",
                 "its log may tell more; a stage calls fail() before it returns PW_FAILED"});
}

Json judge_success(const Context& context, const std::string& verb, Result& result) {
  if (const auto misuse = context.misuse()) return failed(*misuse);
  Json event = done("ok");
  event["outputs"] = context.outputs();
  if (verb == "plan") {
    Json estimates = Json::parse(result.text.text, nullptr, false);
    if (result.text.cut || !estimates.is_object()) {
      return failed({"invalid_plan", "the stage's estimates are not a JSON object", "",
                     "this is a defect of the plugin"});
    }
    event["document"] = std::move(estimates);
  }
  return event;
}

Json judge(const Context& context, const std::string& verb, Result& result) {
  if (result.thrown) return failed(*result.thrown);
  switch (result.status) {
    case PW_OK:
      return judge_success(context, verb, result);
    case PW_FAILED:
      return judge_failure(context);
    case PW_UNSUPPORTED:
      if (verb != "run") return done("unsupported");
      return failed(
          {"unsupported", "the stage says that it cannot run", "", "this is a defect of the plugin"});
    case PW_CANCELLED:
      if (cancellation_requested()) return done("cancelled");
      return failed({"protocol_violation",
                     "the stage says that it was cancelled, but nobody asked it to stop", "",
                     "return PW_CANCELLED only after cancelled() was true"});
    default:
      return failed(
          {"protocol_violation",
           "the stage returned " + std::to_string(result.status) + ", which is no status of the stage ABI",
           "", "return PW_OK, PW_FAILED, PW_CANCELLED or PW_UNSUPPORTED"});
  }
}

}  // namespace

Json perform(const Request& request, Channel& channel) {
  LoadedPlugin plugin;
  // Constructors of the library's globals run now and may throw, too.
  if (const auto thrown = stop_exceptions("loading", [&] { plugin = load_plugin(request.plugin); })) {
    return failed(*thrown);
  }
  return perform(request, channel, plugin);
}

Json perform(const Request& request, Channel& channel, const LoadedPlugin& plugin) {
  if (plugin.refusal) return failed(*plugin.refusal);
  channel.send({{"event", "loaded"}, {"name", plugin.table->name}, {"version", plugin.table->version}});
  if (request.verb == "describe") return describe(*plugin.table);
  const pw_stage* stage = find_stage(*plugin.table, request.stage);
  if (stage == nullptr) return no_such_stage(*plugin.table, request.stage);
  const Context context(request, channel);
  Result result = call(*stage, request.verb, context.abi());
  return judge(context, request.verb, result);
}

}  // namespace presswork::host
