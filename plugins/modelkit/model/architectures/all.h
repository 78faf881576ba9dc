// Every architecture that is supported: add yours here and in a file of its own
// (docs/adding-an-architecture.md).
#pragma once

#include "plugins/modelkit/checkpoint/architecture.h"

namespace presswork::modelkit {

extern const Architecture kGemma2, kGemma3, kLlama, kMistral, kMixtral, kPhi3, kQwen2, kQwen3;

inline const Architecture* const kArchitectures[] = {
    &kGemma2, &kGemma3, &kLlama, &kMistral, &kMixtral, &kPhi3, &kQwen2, &kQwen3,
};

}  // namespace presswork::modelkit
