// Every architecture that is supported: add yours here and in a file of its own.
#pragma once

#include "plugins/modelkit/checkpoint/architecture.h"

namespace presswork::modelkit {

extern const Architecture kLlama;

inline const Architecture* const kArchitectures[] = {&kLlama};

}  // namespace presswork::modelkit
