#include "orchestrator/engine/event.h"

#include "orchestrator/base/clock.h"

namespace presswork::engine {

base::Json Event::to_json() const {
  base::Json json = data.is_object() ? data : base::Json::object();
  json["time"] = base::to_utc_string(time);
  json["kind"] = kind;
  if (!instance.empty()) json["instance"] = instance;
  return json;
}

}  // namespace presswork::engine
