#include "orchestrator/cli/question.h"

#include "orchestrator/base/file_system.h"
#include "orchestrator/base/hash.h"
#include "orchestrator/base/json.h"
#include "orchestrator/engine/cache_key.h"

namespace presswork::cli {

using base::Json;

std::string question_of(Session& session, const Asked& asked, const engine::Limits& limits) {
  const auto program = base::real_file_system().status(executable_path());
  return base::sha256(base::canonical({{"program", program ? plugins::identity(*program) : Json()},
                                       {"device", engine::device_class()},
                                       {"plugins", plugins::identities(session.plugin_directories())},
                                       {"directory", fs::current_path().string()},
                                       {"file", asked.file},
                                       {"text", asked.text},
                                       {"params", asked.given},
                                       {"overrides", asked.overrides},
                                       {"limits",
                                        {{"cores", limits.cores},
                                         {"memory", limits.memory},
                                         {"gpus", limits.gpus},
                                         {"tokens", limits.tokens}}}}));
}

}  // namespace presswork::cli
