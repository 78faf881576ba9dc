// C++ comfort over stage_abi.h, header-only: derive from Stage, name the classes in PRESSWORK_PLUGIN, done.
// Every function that the host calls is a noexcept trampoline that turns whatever is thrown into fail() and a
// status, so that no exception crosses the border.
#pragma once

#include <cxxabi.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <typeinfo>
#include <utility>

#include "presswork/error.h"
#include "presswork/stage_abi.h"

namespace presswork {

using Json = nlohmann::json;

namespace detail {

inline bool all_finite(const Json& value) {
  if (value.is_number_float()) return std::isfinite(value.get<double>());
  if (!value.is_structured()) return true;
  for (const Json& item : value) {
    if (!all_finite(item)) return false;
  }
  return true;
}

inline std::string to_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace detail

// What the host offers during one call; valid until that call returns. All functions may be called from any
// thread of the stage.
class Context {
 public:
  explicit Context(const pw_context* host) : host_(host), parameters_(parse(host->parameters(host))) {}

  // The resolved parameters: valid against the stage's own schema, with every default filled in.
  const Json& parameters() const { return parameters_; }

  // One parameter as a T. Throws Error{"invalid_parameter", …, "/name"} when it is absent or no T.
  template <class T>
  T parameter(const char* name) const {
    const auto found = parameters_.find(name);
    const std::string pointer = std::string("/") + name;
    if (found == parameters_.end()) {
      throw Error("invalid_parameter", "the parameter is missing", pointer,
                  "give it under with:, or a default in the stage's schema");
    }
    try {
      return found->template get<T>();
    } catch (const Json::exception&) {
      throw Error("invalid_parameter", "the value " + detail::to_text(*found) + " is of another type",
                  pointer);
    }
  }

  // Absolute path of an input file or folder, read-only. Throws Error{"invalid_input"} when it is absent.
  std::filesystem::path input(const std::string& name) const {
    if (auto path = optional_input(name)) return *path;
    throw Error("invalid_input", "the stage has no input of that name", name,
                "connect it under inputs: of the stage");
  }

  std::optional<std::filesystem::path> optional_input(const std::string& name) const {
    const char* path = host_->input(host_, name.c_str());
    if (path == nullptr) return std::nullopt;
    return std::filesystem::path(path);
  }

  // {name: {"path", "type", "digest", "instance", "output"}} of all inputs.
  Json inputs() const { return parse(host_->inputs(host_)); }

  // A fresh, empty folder for this attempt's outputs.
  std::filesystem::path work_dir() const { return text(host_->work_dir(host_)); }
  // A folder that survives crashes and retries of the same work.
  std::filesystem::path scratch_dir() const { return text(host_->scratch_dir(host_)); }

  std::uint64_t seed() const { return host_->seed(host_); }
  unsigned threads() const { return host_->threads(host_); }
  std::uint64_t memory() const { return host_->memory(host_); }  // bytes; 0 = no limit stated

  void debug(std::string_view line) const { log(PW_LOG_DEBUG, line); }
  void info(std::string_view line) const { log(PW_LOG_INFO, line); }
  void warning(std::string_view line) const { log(PW_LOG_WARNING, line); }
  void error(std::string_view line) const { log(PW_LOG_ERROR, line); }

  // `done` of `total` units of `what` ("layers"); total 0 = unknown. Cheap.
  void progress(double done, double total, const char* what) const {
    host_->progress(host_, done, total, what);
  }

  // A named result. Throws Error{"not_finite"} when a number in it is NaN or infinite.
  void metric(const std::string& name, const Json& value) const {
    if (!detail::all_finite(value)) {
      throw Error("not_finite", "the metric is not a finite number", name,
                  "look for overflow or a division by zero in the stage");
    }
    host_->metric(host_, name.c_str(), detail::to_text(value).c_str());
  }

  bool cancelled() const { return host_->cancelled(host_) != 0; }
  void check_cancelled() const {
    if (cancelled()) throw Cancelled();
  }

  // Declares output `name`: a file or folder inside work_dir(). Once per name.
  void output(const std::string& name, const std::filesystem::path& path) const {
    host_->output(host_, name.c_str(), path.c_str(), PW_OUTPUT_PRODUCED);
  }
  // Declares output `name`: a file or folder elsewhere, recorded by its digests and never copied.
  void reference(const std::string& name, const std::filesystem::path& path) const {
    host_->output(host_, name.c_str(), path.c_str(), PW_OUTPUT_REFERENCE);
  }

  // The run so far, for stages that say "reads_run": true; see pw_run_facts_v1. Throws Error{"unsupported"}
  // when the host does not offer it.
  Json run_facts() const {
    const void* found = host_->extension(host_, PW_EXTENSION_RUN_FACTS, 1);
    const auto* facts = static_cast<const pw_run_facts_v1*>(found);
    if (facts == nullptr || !PW_HAS(facts, pw_run_facts_v1, json)) {
      throw Error("unsupported", "the host offers no facts about the run", PW_EXTENSION_RUN_FACTS,
                  "say \"reads_run\": true in the stage's description");
    }
    return parse(facts->json(host_));
  }

  const pw_context* host() const { return host_; }

 private:
  static std::string text(const char* given) { return given == nullptr ? std::string() : given; }
  static Json parse(const char* given) { return given == nullptr ? Json::object() : Json::parse(given); }
  void log(std::int32_t level, std::string_view line) const {
    host_->log(host_, level, std::string(line).c_str());
  }

  const pw_context* host_;
  Json parameters_;
};

// One stage. A derived class also gives `static constexpr const char* id` and `static Json describe()`
// (schemas/stage-description.schema.json), and can be made without arguments. One object serves one call.
class Stage {
 public:
  virtual ~Stage() = default;

  // Estimates before the run; writes nothing. {"seconds", "memory_bytes", "disk_bytes", "cores",
  // "notes": [line, ...]}, each optional; notes are what it will do. null = cannot tell.
  virtual Json plan(const Context&) { return nullptr; }

  virtual void run(const Context&) = 0;

  // Undoes effects outside the outputs; idempotent, called in a new process with the parameters and inputs of
  // the run. Called only for a stage whose description says {"rollback", true}.
  virtual void rollback(const Context&) {}
};

namespace detail {

inline std::string type_name(const std::exception& error) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &status), &std::free);
  return name ? name.get() : typeid(error).name();
}

inline std::int32_t report(const pw_context* host, const Error& error) {
  host->fail(host, error.code.c_str(), error.where.c_str(), error.message.c_str(), error.hint.c_str());
  return PW_FAILED;
}

inline std::int32_t report(const pw_context* host, const char* code, const char* message, const char* hint) {
  host->fail(host, code, "", message, hint);
  return PW_FAILED;
}

// Runs `body` and turns what it throws into fail() and a status.
template <class Body>
std::int32_t guarded(const pw_context* host, Body&& body) noexcept {
  try {
    return body();
  } catch (const Cancelled&) {
    return PW_CANCELLED;
  } catch (const Error& error) {
    return report(host, error);
  } catch (const std::bad_alloc&) {
    return report(host, "out_of_memory", "the stage could not get the memory that it asked for",
                  "give it more memory, or a smaller model or window");
  } catch (const std::system_error& error) {
    const bool full = error.code() == std::errc::no_space_on_device;
    return report(host, full ? "no_space" : "io", error.what(), full ? "free some disk space" : "");
  } catch (const std::exception& error) {
    try {
      return report(host, "threw", ("an unexpected " + type_name(error) + ": " + error.what()).c_str(),
                    "this is a defect of the stage; its log may tell more");
    } catch (...) {
      return report(host, "threw", error.what(), "");
    }
  } catch (...) {
    return report(host, "threw", "an exception that is not a std::exception",
                  "this is a defect of the stage");
  }
}

inline void write(const pw_sink* out, const std::string& text) {
  out->write(out->state, text.data(), text.size());
}

template <class S>
struct Trampolines {
  // Without a context there is no fail(): the reason goes to the sink, as stage_abi.h says.
  static std::int32_t describe(const pw_sink* out) noexcept {
    try {
      Json description = S::describe();
      description["id"] = S::id;
      write(out, description.dump());
      return PW_OK;
    } catch (const std::exception& error) {
      out->write(out->state, error.what(), std::char_traits<char>::length(error.what()));
    } catch (...) {
      static constexpr std::string_view text = "describe() threw something that is not a std::exception";
      out->write(out->state, text.data(), text.size());
    }
    return PW_FAILED;
  }

  static std::int32_t create(const pw_context* host, void** instance) noexcept {
    return guarded(host, [&] {
      *instance = static_cast<Stage*>(new S());
      return static_cast<std::int32_t>(PW_OK);
    });
  }

  static std::int32_t plan(void* instance, const pw_context* host, const pw_sink* out) noexcept {
    return guarded(host, [&] {
      const Json estimates = static_cast<Stage*>(instance)->plan(Context(host));
      if (estimates.is_null()) return static_cast<std::int32_t>(PW_UNSUPPORTED);
      write(out, to_text(estimates));
      return static_cast<std::int32_t>(PW_OK);
    });
  }

  static std::int32_t run(void* instance, const pw_context* host) noexcept {
    return guarded(host, [&] {
      static_cast<Stage*>(instance)->run(Context(host));
      return static_cast<std::int32_t>(PW_OK);
    });
  }

  static std::int32_t rollback(void* instance, const pw_context* host) noexcept {
    return guarded(host, [&] {
      static_cast<Stage*>(instance)->rollback(Context(host));
      return static_cast<std::int32_t>(PW_OK);
    });
  }

  static void destroy(void* instance) noexcept { delete static_cast<Stage*>(instance); }
};

template <class S>
inline constexpr pw_stage stage_table{sizeof(pw_stage),
                                      0,
                                      S::id,
                                      &Trampolines<S>::describe,
                                      &Trampolines<S>::create,
                                      &Trampolines<S>::plan,
                                      &Trampolines<S>::run,
                                      &Trampolines<S>::rollback,
                                      &Trampolines<S>::destroy};

template <class... Stages>
inline constexpr const pw_stage* stage_list[] = {&stage_table<Stages>...};

template <class... Stages>
constexpr pw_plugin plugin_table(const char* name, const char* version) {
  return {sizeof(pw_plugin), PW_ABI_MAJOR,         PW_ABI_MINOR, 0, 0, sizeof...(Stages), name,
          version,           stage_list<Stages...>};
}

}  // namespace detail

}  // namespace presswork

// Once per plugin: PRESSWORK_PLUGIN("presswork-quantization", "0.1.0", presswork::QuantizeRtn, …)
#define PRESSWORK_PLUGIN(name, version, ...)                                                           \
  extern "C" PW_EXPORT const pw_plugin* pw_plugin_v1(void) {                                           \
    static constexpr pw_plugin plugin = ::presswork::detail::plugin_table<__VA_ARGS__>(name, version); \
    return &plugin;                                                                                    \
  }                                                                                                    \
  static_assert(true, "")
