// A shipped workflow with a user's values in place of its defaults: what `presswork compress` runs and leaves
// behind.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "orchestrator/base/json.h"

namespace presswork::cli {

// share/presswork beside the folder of the executable; throws Error{not_found} when it is not there.
std::filesystem::path data_folder();

// `text` with the default of each parameter in `values` replaced. Throws Error{usage} with the known names
// for a parameter that the workflow does not have.
std::string with_defaults(const std::string& text, const std::map<std::string, base::Json>& values);

}  // namespace presswork::cli
