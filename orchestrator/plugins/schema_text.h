// schemas/stage-description.schema.json, built into the program.
#pragma once

#include <string_view>

namespace presswork::plugins {

std::string_view stage_description_schema_text();

}  // namespace presswork::plugins
