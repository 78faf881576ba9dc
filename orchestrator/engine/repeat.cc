// A run that would take everything from the cache, answered by the memory of the last one that asked the
// same.
#include <algorithm>
#include <unordered_map>

#include "orchestrator/base/error.h"
#include "orchestrator/engine/binding.h"
#include "orchestrator/engine/facts.h"
#include "orchestrator/engine/run.h"

namespace presswork::engine {

using base::Error;
using base::Json;

namespace {

// Without reading it: what has to be hashed is for a run that shows its progress and can be stopped.
bool is_as_it_was(const std::string& path, const std::string& digest, const Surroundings& around) {
  const auto only_looked_at = [](std::uint64_t bytes) {
    if (bytes > 0) throw Error(base::ErrorCode::cancelled, "it has to be hashed");
  };
  try {
    return around.artifacts.digest_of(path, around.ledger, false, only_looked_at) == digest;
  } catch (const Error&) {
    return false;  // whatever is the matter, the run itself says it best
  }
}

store::InstancesWithCheckpoints in_order(store::InstancesWithCheckpoints instances,
                                         const std::vector<std::string>& ids) {
  const auto has_id = [](const auto& row, const std::string& id) { return row.first.id == id; };
  if (instances.size() != ids.size() ||
      std::equal(instances.begin(), instances.end(), ids.begin(), ids.end(), has_id)) {
    return instances;
  }
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < instances.size(); ++i) places.emplace(instances[i].first.id, i);
  store::InstancesWithCheckpoints ordered;
  ordered.reserve(ids.size());
  for (const std::string& id : ids) {
    const auto found = places.find(id);
    if (found != places.end()) ordered.push_back(std::move(instances[found->second]));
  }
  return ordered;
}

// Whether what the memo's run came to would come of the cache again: the same checkpoints, sound, of files
// that are as they were.
bool stands(const store::RunMemo& memo, const store::InstancesWithCheckpoints& instances,
            const Surroundings& around) {
  SoundArtifacts sound;
  return instances.size() == memo.instances.size() &&
         std::all_of(instances.begin(), instances.end(),
                     [&](const auto& instance) {
                       const auto& checkpoint = instance.second;
                       return checkpoint && checkpoint->latest && checkpoint->serial <= memo.serial &&
                              is_sound(*checkpoint, around.artifacts, sound);
                     }) &&
         std::all_of(memo.files.begin(), memo.files.end(),
                     [&](const auto& file) { return is_as_it_was(file.first, file.second, around); });
}

// Of a memo; one that is damaged counts as none.
std::optional<std::vector<ChecklistResult>> read_checklist(const Json& json) {
  try {
    return checklist_from(json);
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

std::optional<RunResult> repeat_run(const std::string& question, const Surroundings& around) {
  const auto memo = around.ledger.run_memo(question);
  auto checklist = memo ? read_checklist(memo->checklist) : std::nullopt;
  if (!checklist || around.stop.load() > 0) return std::nullopt;
  clean_up(around);
  const auto started = around.clock.now();
  const std::string time = base::to_utc_string(started);
  RunResult result{"", "succeeded", {}, false, false, *std::move(checklist), {}};
  around.ledger.begin();
  try {
    result.run = around.ledger.repeat(*memo, time);
    result.instances = in_order(around.ledger.instances_with_checkpoints(result.run), memo->instances);
    if (!stands(*memo, result.instances, around)) {
      around.ledger.roll_back();
      return std::nullopt;
    }
    store::set_aside_former_run(around.workspace, result.run);
    around.ledger.commit();
  } catch (...) {
    around.ledger.roll_back();
    throw;
  }

  std::vector<Event> events;
  events.reserve(result.instances.size() + 2);
  const auto tell = [&](std::string kind, std::string instance, Json data) {
    events.push_back({started, std::move(kind), std::move(instance), std::move(data)});
  };
  tell("run_started", "",
       {{"run", result.run},
        {"workflow", memo->workflow},
        {"resumed", false},
        {"kept", 0},
        {"stages", result.instances.size()}});
  for (const auto& [instance, checkpoint] : result.instances) {
    tell("stage_cached", instance.id,
         {{"uses", instance.uses}, {"key", instance.key}, {"seconds", checkpoint->seconds}});
  }
  tell("run_ended", "", {{"state", result.state}, {"message", ""}});
  around.observer.on_events(events);
  return result;
}

}  // namespace presswork::engine
