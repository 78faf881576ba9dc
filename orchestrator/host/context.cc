#include "orchestrator/host/context.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>

#include "orchestrator/host/protocol.h"

namespace presswork::host {

namespace {

// Progress is for eyes: more often than this is not sent.
constexpr auto progress_interval = std::chrono::milliseconds(50);

std::string text_of(const char* given) { return given == nullptr ? std::string() : std::string(given); }

const char* level_name(std::int32_t level) {
  static constexpr const char* names[] = {"debug", "info", "warning", "error"};
  return names[std::clamp<std::int32_t>(level, PW_LOG_DEBUG, PW_LOG_ERROR)];
}

}  // namespace

struct Context::Functions {
  static Context& self(const pw_context* context) { return *static_cast<Context*>(context->state); }

  // The parameter at an RFC 6901 pointer, or null.
  static const Json* parameter(const pw_context* context, const char* pointer) noexcept {
    try {
      const Json::json_pointer place(text_of(pointer));
      const Json& parameters = self(context).request_.parameters;
      return parameters.contains(place) ? &parameters.at(place) : nullptr;
    } catch (...) {
      return nullptr;  // no pointer: no such parameter
    }
  }

  static const char* parameters(const pw_context* c) { return self(c).parameters_text_.c_str(); }

  static std::int32_t parameter_number(const pw_context* c, const char* pointer, double* value) {
    const Json* found = parameter(c, pointer);
    if (found == nullptr || !found->is_number()) return 0;
    *value = found->get<double>();
    return 1;
  }

  static std::int32_t parameter_boolean(const pw_context* c, const char* pointer, std::int32_t* value) {
    const Json* found = parameter(c, pointer);
    if (found == nullptr || !found->is_boolean()) return 0;
    *value = found->get<bool>() ? 1 : 0;
    return 1;
  }

  static const char* parameter_text(const pw_context* c, const char* pointer) {
    const Json* found = parameter(c, pointer);
    return found == nullptr || !found->is_string() ? nullptr : found->get_ref<const std::string&>().c_str();
  }

  static const char* input(const pw_context* c, const char* name) {
    const Json& inputs = self(c).request_.inputs;
    const auto found = inputs.find(text_of(name));
    return found == inputs.end() ? nullptr : found->at("path").get_ref<const std::string&>().c_str();
  }

  static const char* inputs(const pw_context* c) { return self(c).inputs_text_.c_str(); }
  static const char* work_dir(const pw_context* c) { return self(c).request_.work_dir.c_str(); }
  // Made when it is first asked for: most stages never do, and a folder a stage is a cost that shows.
  static const char* scratch_dir(const pw_context* c) {
    const std::string& folder = self(c).request_.scratch_dir;
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    return failed ? nullptr : folder.c_str();
  }
  static std::uint64_t seed(const pw_context* c) { return self(c).request_.seed; }
  static std::uint32_t threads(const pw_context* c) { return self(c).request_.threads; }
  static std::uint64_t memory(const pw_context* c) { return self(c).request_.memory; }

  static void log(const pw_context* c, std::int32_t level, const char* text) {
    std::string line = text_of(text);
    if (line.size() > max_log_bytes) {
      line.resize(max_log_bytes);
      line += "… (cut)";
    }
    self(c).channel_.send({{"event", "log"}, {"level", level_name(level)}, {"text", std::move(line)}});
  }

  static void progress(const pw_context* c, double done, double total, const char* what) {
    if (!std::isfinite(done) || !std::isfinite(total)) return;
    Context& context = self(c);
    {
      const std::lock_guard lock(context.mutex_);
      const auto now = std::chrono::steady_clock::now();
      const bool complete = total > 0 && done >= total;
      const bool news = complete && !context.last_progress_complete_;
      if (!news && now - context.last_progress_ < progress_interval) return;
      context.last_progress_ = now;
      context.last_progress_complete_ = complete;
    }
    context.channel_.send({{"event", "progress"}, {"done", done}, {"total", total}, {"what", text_of(what)}});
  }

  static void metric(const pw_context* c, const char* name, const char* json) {
    Context& context = self(c);
    const std::string_view text = json == nullptr ? std::string_view() : std::string_view(json);
    if (text.size() > max_metric_bytes) {
      return context.note_misuse("invalid_metric",
                                 "the metric has " + std::to_string(text.size()) + " bytes, more than the " +
                                     std::to_string(max_metric_bytes) + " allowed",
                                 text_of(name), "write large results to an output file");
    }
    // NaN and infinity have no JSON text, and numbers beyond a double do not parse.
    Json value = Json::parse(text.begin(), text.end(), nullptr, false);
    if (name == nullptr || value.is_discarded()) {
      return context.note_misuse("invalid_metric",
                                 "the metric's value is not JSON of finite numbers: " +
                                     std::string(text.substr(0, std::min<std::size_t>(text.size(), 80))),
                                 text_of(name), "look for overflow or a division by zero in the stage");
    }
    {
      const std::lock_guard lock(context.mutex_);
      context.metric_names_.insert(name);
      if (context.metric_names_.size() > max_metrics) {
        context.metric_names_.erase(name);
        value = Json(Json::value_t::discarded);
      }
    }
    if (value.is_discarded()) {
      return context.note_misuse("invalid_metric", "the stage reports too many metrics", name,
                                 "gather them in one metric that is an object, or in an output file");
    }
    context.channel_.send({{"event", "metric"}, {"name", name}, {"value", std::move(value)}});
  }

  static std::int32_t cancelled(const pw_context*) { return cancellation_requested() ? 1 : 0; }

  static void output(const pw_context* c, const char* name, const char* path, std::uint32_t flags) {
    Context& context = self(c);
    const std::string where = text_of(name);
    if (where.empty() || text_of(path).empty()) {
      return context.note_misuse("invalid_output", "an output was declared without a name or a path", where,
                                 "");
    }
    if (flags > PW_OUTPUT_REFERENCE) {
      return context.note_misuse("invalid_output", "an output was declared with unknown flags", where, "");
    }
    bool twice = false;
    {
      const std::lock_guard lock(context.mutex_);
      twice = context.outputs_.size() >= max_outputs;
      for (const Json& other : context.outputs_) twice = twice || other["name"] == where;
      if (!twice) {
        context.outputs_.push_back(
            {{"name", where}, {"path", path}, {"reference", flags == PW_OUTPUT_REFERENCE}});
      }
    }
    if (twice) {
      context.note_misuse("invalid_output", "the output was declared twice, or there are too many outputs",
                          where, "call output() once for each name");
    }
  }

  static void fail(const pw_context* c, const char* code, const char* pointer, const char* message,
                   const char* hint) {
    Context& context = self(c);
    const std::lock_guard lock(context.mutex_);
    if (context.failure_) return;  // the first reason is the cause
    context.failure_ = Failure{text_of(code), text_of(message), text_of(pointer), text_of(hint)};
    for (std::string* text : {&context.failure_->code, &context.failure_->message, &context.failure_->where,
                              &context.failure_->hint}) {
      if (text->size() > max_log_bytes) text->resize(max_log_bytes);
    }
  }

  static const void* extension(const pw_context* c, const char* id, std::uint32_t revision) {
    const Context& context = self(c);
    if (text_of(id) == PW_EXTENSION_RUN_FACTS && revision == 1 && !context.request_.run_facts.is_null()) {
      return &context.run_facts_;
    }
    return nullptr;
  }

  static const char* run_facts(const pw_context* c) { return self(c).run_facts_text_.c_str(); }
};

Context::Context(const Request& request, Channel& channel)
    : request_(request),
      channel_(channel),
      parameters_text_(request.parameters.dump()),
      inputs_text_(request.inputs.dump()),
      run_facts_text_(request.run_facts.dump()) {
  using F = Functions;
  abi_ = {sizeof(pw_context),
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
          &F::seed,
          &F::threads,
          &F::memory,
          &F::log,
          &F::progress,
          &F::metric,
          &F::cancelled,
          &F::output,
          &F::fail,
          &F::extension};
  run_facts_ = {sizeof(pw_run_facts_v1), 0, &F::run_facts};
}

void Context::note_misuse(std::string code, std::string message, std::string where, std::string hint) {
  const std::lock_guard lock(mutex_);
  if (!misuse_) misuse_ = Failure{std::move(code), std::move(message), std::move(where), std::move(hint)};
}

std::optional<Failure> Context::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

std::optional<Failure> Context::misuse() const {
  const std::lock_guard lock(mutex_);
  return misuse_;
}

Json Context::outputs() const {
  const std::lock_guard lock(mutex_);
  return outputs_;
}

}  // namespace presswork::host
