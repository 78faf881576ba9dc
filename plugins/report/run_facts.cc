#include "plugins/report/run_facts.h"

#include <algorithm>
#include <cmath>

#include "presswork/error.h"

namespace presswork::summary {

Json member(const Json& object, const char* key, Json otherwise) {
  if (!object.is_object()) return otherwise;
  const auto found = object.find(key);
  // Facts may say null for "there is none".
  return found == object.end() || found->is_null() ? otherwise : *found;
}

std::string text_of(const Json& object, const char* key) {
  const Json value = member(object, key, "");
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::optional<double> number_of(const Json& object, const char* key) {
  const Json value = member(object, key, nullptr);
  if (!value.is_number() || !std::isfinite(value.get<double>())) return std::nullopt;
  return value.get<double>();
}

Json to_json(const std::optional<double>& number) { return number ? Json(*number) : Json(); }

namespace {

Instance read_instance(const Json& json) {
  Instance instance;
  instance.id = text_of(json, "id");
  instance.uses = text_of(json, "uses");
  instance.state = text_of(json, "state");
  instance.cause = text_of(json, "cause");
  instance.with = member(json, "with", Json::object());
  instance.metrics = member(json, "metrics", Json::object());
  instance.inputs = member(json, "inputs", Json::object());
  instance.outputs = member(json, "outputs", Json::object());
  const Json seconds = member(json, "seconds", nullptr);
  if (seconds.is_number()) instance.seconds = seconds.get<double>();
  return instance;
}

// The artifact called "model", or else the first one of type model.
Json model_of(const Json& artifacts) {
  if (artifacts.contains("model")) return artifacts["model"];
  for (const Json& artifact : artifacts) {
    if (text_of(artifact, "type") == "model") return artifact;
  }
  return nullptr;
}

bool same_way(const Instance& a, const Instance& b, const std::vector<const char*>& parameters) {
  const bool same = std::all_of(parameters.begin(), parameters.end(), [&](const char* name) {
    return member(a.with, name, nullptr) == member(b.with, name, nullptr);
  });
  return same && a.digest_in("text") == b.digest_in("text");
}

}  // namespace

std::optional<double> Instance::number(const char* metric) const { return number_of(metrics, metric); }

std::string Instance::model_out() const { return text_of(model_of(outputs), "digest"); }
std::string Instance::model_in() const { return text_of(model_of(inputs), "digest"); }
std::string Instance::digest_in(const char* input) const {
  return text_of(member(inputs, input, Json::object()), "digest");
}

RunFacts::RunFacts(const Json& facts, const std::string& baseline, const std::string& result)
    : workflow_(text_of(facts, "workflow")),
      decisions_(member(facts, "decisions", Json::array())),
      checklist_(member(facts, "checklist", Json::array())),
      parameters_(member(facts, "parameters", Json::object())),
      evidence_(member(facts, "evidence", Json::object())) {
  for (const Json& json : member(facts, "instances", Json::array()))
    instances_.push_back(read_instance(json));
  find_result(result);
  find_original(baseline);
}

std::string RunFacts::path_of(const std::string& digest) const {
  return text_of(member(evidence_, "files", Json::object()), digest.c_str());
}

const Instance* RunFacts::find(const std::string& id) const {
  for (const Instance& instance : instances_) {
    if (instance.id == id) return &instance;
  }
  return nullptr;
}

const Instance* RunFacts::named(const std::string& id, const char* parameter) const {
  const Instance* found = find(id);
  if (found == nullptr || !found->good() || found->model_out().empty()) {
    throw Error("invalid_parameter", "\"" + id + "\" is no instance of this run that gave out a model",
                std::string("/") + parameter, "name an instance that runs before the report");
  }
  return found;
}

const Instance* RunFacts::producer(const Instance& consumer) const {
  const Json model = model_of(consumer.inputs);
  if (model.is_null()) return nullptr;
  const Instance* found = find(text_of(model, "instance"));
  if (found != nullptr && found != &consumer) return found;
  const std::string digest = text_of(model, "digest");
  for (const Instance& instance : instances_) {
    if (&instance == &consumer) break;
    if (!digest.empty() && instance.model_out() == digest) return &instance;
  }
  return nullptr;
}

void RunFacts::find_result(const std::string& result) {
  if (!result.empty()) {
    result_ = named(result, "result");
    return;
  }
  for (const Instance& instance : instances_) {
    if (instance.good() && !instance.model_in().empty() && !instance.model_out().empty()) result_ = &instance;
  }
}

void RunFacts::find_original(const std::string& baseline) {
  const Instance* stop = baseline.empty() ? nullptr : named(baseline, "baseline");
  const Instance* at = result_;
  // No chain is longer than the run has instances; the count guards against facts that name a circle.
  for (std::size_t left = instances_.size(); at != nullptr && at != stop && left > 0; --left) {
    const Instance* before = producer(*at);
    if (before == nullptr) break;
    steps_.insert(steps_.begin(), at);
    at = before;
  }
  original_ = stop != nullptr ? stop : at;
  if (original_ == result_) result_ = nullptr;
  for (const Instance& instance : instances_) {
    if (original_ == nullptr && instance.good() && !instance.model_out().empty()) original_ = &instance;
  }
}

const Instance* RunFacts::measured_on(const Instance& model, const char* metric) const {
  for (const Instance& instance : instances_) {
    if (instance.good() && instance.number(metric) && instance.model_in() == model.model_out())
      return &instance;
  }
  return nullptr;
}

std::vector<Measured> RunFacts::measured(const char* metric, const std::vector<const char*>& same) const {
  std::vector<Measured> pairs;
  if (original_ == nullptr || result_ == nullptr) return pairs;
  const std::string before = original_->model_out(), after = result_->model_out();
  for (const Instance& second : instances_) {
    if (!second.good() || !second.number(metric) || second.model_in() != after) continue;
    for (const Instance& first : instances_) {
      const bool fits = first.good() && first.number(metric) && first.model_in() == before;
      if (!fits || !same_way(first, second, same)) continue;
      pairs.push_back({&first, &second});
      break;
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const Measured& a, const Measured& b) {
    const auto secondary = [](const Measured& pair) { return pair.after->uses.starts_with("analyze/"); };
    return !secondary(a) && secondary(b);
  });
  return pairs;
}

const Instance* RunFacts::last_with(const char* metric) const {
  const Instance* found = nullptr;
  for (const Instance& instance : instances_) {
    if (instance.good() && instance.number(metric)) found = &instance;
  }
  return found;
}

}  // namespace presswork::summary
