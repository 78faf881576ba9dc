#include "orchestrator/engine/cache_key.h"

#include "orchestrator/base/hash.h"

namespace presswork::engine {

namespace {
// Counts the changes of what a key consists of; a new number makes every older checkpoint unknown.
constexpr int key_version = 1;
}  // namespace

std::string device_class() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) return "cpu-x86-64-avx512";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "cpu-x86-64-avx2";
  return "cpu-x86-64";
#elif defined(__aarch64__)
  return "cpu-aarch64";
#else
  return "cpu";
#endif
}

base::Json KeyParts::document() const {
  base::Json parts = rest();
  parts["with"] = with;
  parts["inputs"] = inputs;
  return parts;
}

base::Json KeyParts::rest() const {
  base::Json parts = {{"version", key_version},
                      {"stage", stage},
                      {"plugin", plugin_digest},
                      {"paths", path_digests},
                      {"seed", seed},
                      {"device", device_class()},
                      {"salt", salt}};
  if (!facts.is_null()) parts["facts"] = base::sha256(base::canonical(facts));
  return parts;
}

std::string KeyParts::key() const { return base::sha256(base::canonical(document())); }

}  // namespace presswork::engine
