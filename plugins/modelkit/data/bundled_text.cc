#include "plugins/modelkit/data/bundled_text.h"

#include <cstddef>

extern "C" {
extern const char presswork_calibration_text[];
extern const char presswork_calibration_text_end[];
}

// The assembler copies the file in: half a megabyte as a C literal would slow every compiler down.
__asm__(
    ".section .rodata\n"
    ".global presswork_calibration_text\n"
    ".hidden presswork_calibration_text\n"
    "presswork_calibration_text:\n"
    ".incbin \"" PRESSWORK_CALIBRATION_TEXT
    "\"\n"
    ".global presswork_calibration_text_end\n"
    ".hidden presswork_calibration_text_end\n"
    "presswork_calibration_text_end:\n"
    ".byte 0\n"
    ".previous\n");

namespace presswork::modelkit {

std::string_view bundled_calibration_text() {
  return {presswork_calibration_text,
          static_cast<std::size_t>(presswork_calibration_text_end - presswork_calibration_text)};
}

}  // namespace presswork::modelkit
