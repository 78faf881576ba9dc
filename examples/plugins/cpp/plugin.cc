#include "count_lines.h"

PRESSWORK_PLUGIN("example-cpp", "1.0.0", example::CountLines);
