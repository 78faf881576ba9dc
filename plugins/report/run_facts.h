// What a run did, out of the facts that the host gives ("presswork.run" in stage_abi.h): which model came in,
// which came out, what lies between them, and which measurement belongs to which.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace presswork::summary {

using Json = nlohmann::json;

// A member of an object as text; empty when there is none.
std::string text_of(const Json& object, const char* key);
Json member(const Json& object, const char* key, Json otherwise);  // null counts as absent

std::optional<double> number_of(const Json& object, const char* key);  // finite
Json to_json(const std::optional<double>& number);                     // null when there is none

struct Instance {
  std::string id, uses, state, cause;
  Json with = Json::object(), metrics = Json::object(), inputs = Json::object(), outputs = Json::object();
  std::optional<double> seconds;

  bool good() const { return state == "succeeded" || state == "cached"; }
  std::optional<double> number(const char* metric) const;
  // The digest of the model it gives out, or takes in; empty: none.
  std::string model_out() const;
  std::string model_in() const;
  std::string digest_in(const char* input) const;
};

// One measurement of the original model and the same one of the result.
struct Measured {
  const Instance* before;
  const Instance* after;
};

class RunFacts {
 public:
  // `baseline` and `result` name the instances whose model outputs are compared; empty: found here. Throws
  // Error "invalid_parameter" when there is no such instance, or it gives out no model.
  explicit RunFacts(const Json& facts, const std::string& baseline = {}, const std::string& result = {});
  RunFacts(const RunFacts&) = delete;
  RunFacts& operator=(const RunFacts&) = delete;

  const std::string& workflow() const { return workflow_; }
  const std::vector<Instance>& instances() const { return instances_; }
  const Json& decisions() const { return decisions_; }    // [{"id", "branch", "inputs"}]
  const Json& checklist() const { return checklist_; }    // [{"title", "state", "required", "why"}]
  const Json& parameters() const { return parameters_; }  // of the workflow
  // When and where (see evidence.h of the engine); an empty object when the host does not tell.
  const Json& evidence() const { return evidence_; }
  std::string path_of(const std::string& digest) const;  // of an artifact that is one file; empty: not known

  // The instance that brought in the original model, and the last one that made another model of it; null
  // when there is none. The result is the last in the run's order that takes a model and gives one.
  const Instance* original() const { return original_; }
  const Instance* result() const { return result_; }
  // From the original's first successor to the result.
  const std::vector<const Instance*>& steps() const { return steps_; }

  // Pairs of instances that measured `metric` on the original and on the result in the same way: same stage
  // parameters that matter (`same`), same text. In the run's order; evaluate/* before analyze/*.
  std::vector<Measured> measured(const char* metric, const std::vector<const char*>& same) const;
  // The first instance that measured `metric` on the model that `instance` gives out, or null.
  const Instance* measured_on(const Instance& instance, const char* metric) const;
  // The last good instance with this metric, or null.
  const Instance* last_with(const char* metric) const;

 private:
  const Instance* find(const std::string& id) const;
  const Instance* producer(const Instance& consumer) const;  // of the model that it takes in
  const Instance* named(const std::string& id, const char* parameter) const;
  void find_result(const std::string& result);
  void find_original(const std::string& baseline);

  std::string workflow_;
  std::vector<Instance> instances_;
  Json decisions_, checklist_, parameters_, evidence_;
  const Instance* original_ = nullptr;
  const Instance* result_ = nullptr;
  std::vector<const Instance*> steps_;
};

}  // namespace presswork::summary
