// Every architecture that is supported: add yours here and in a file of its own
// (docs/adding-an-architecture.md).
#pragma once

#include "plugins/modelkit/checkpoint/architecture.h"

namespace presswork::modelkit {

extern const Architecture kCohere, kCohere2, kGemma, kGemma2, kGemma3, kGlm, kGlm4, kGptJ, kGptNeoX, kGranite,
    kLlama, kMistral, kMixtral, kNemotron, kOlmo2, kPhi, kPhi3, kQwen2, kQwen2Moe, kQwen3, kQwen3Moe,
    kSmolLm3, kStableLm, kStarcoder2;

inline const Architecture* const kArchitectures[] = {
    &kCohere,  &kCohere2, &kGemma,    &kGemma2,  &kGemma3,   &kGlm,      &kGlm4,     &kGptJ,
    &kGptNeoX, &kGranite, &kLlama,    &kMistral, &kMixtral,  &kNemotron, &kOlmo2,    &kPhi,
    &kPhi3,    &kQwen2,   &kQwen2Moe, &kQwen3,   &kQwen3Moe, &kSmolLm3,  &kStableLm, &kStarcoder2,
};

}  // namespace presswork::modelkit
