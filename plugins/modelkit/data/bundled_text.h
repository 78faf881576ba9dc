// The calibration text that ships inside the program: examples/text/calibration.txt, public-domain prose in
// English and Chinese (examples/text/SOURCES.md).
#pragma once

#include <string_view>

namespace presswork::modelkit {

std::string_view bundled_calibration_text();

}  // namespace presswork::modelkit
