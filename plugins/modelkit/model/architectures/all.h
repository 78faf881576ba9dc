// Every architecture that is supported: add yours here and in a file of its own
// (docs/adding-an-architecture.md).
#pragma once

#include "plugins/modelkit/checkpoint/architecture.h"

namespace presswork::modelkit {

extern const Architecture kArcee, kCohere, kCohere2, kCwm, kDots1, kErnie45, kErnie45Moe, kExaone4, kFalcon,
    kGemma, kGemma2, kGemma3, kGlm, kGlm4, kGlm4Moe, kGptBigCode, kGptJ, kGptNeo, kGptNeoX, kGranite, kHelium,
    kHunyuan, kHyperClovaX, kJais2, kLlama, kMiniMaxM2, kMistral, kMixtral, kNemotron, kOlmo, kOlmo2, kOlmo3,
    kOlmoe, kOpt, kPersimmon, kPhi, kPhi3, kQwen2, kQwen2Moe, kQwen3, kQwen3Moe, kSeedOss, kSmolLm3,
    kStableLm, kStarcoder2, kVaultGemma;

inline const Architecture* const kArchitectures[] = {
    &kArcee,    &kCohere,    &kCohere2,   &kCwm,      &kDots1,      &kErnie45,    &kErnie45Moe,  &kExaone4,
    &kFalcon,   &kGemma,     &kGemma2,    &kGemma3,   &kGlm,        &kGlm4,       &kGlm4Moe,     &kGptBigCode,
    &kGptJ,     &kGptNeo,    &kGptNeoX,   &kGranite,  &kHelium,     &kHunyuan,    &kHyperClovaX, &kJais2,
    &kLlama,    &kMiniMaxM2, &kMistral,   &kMixtral,  &kNemotron,   &kOlmo,       &kOlmo2,       &kOlmo3,
    &kOlmoe,    &kOpt,       &kPersimmon, &kPhi,      &kPhi3,       &kQwen2,      &kQwen2Moe,    &kQwen3,
    &kQwen3Moe, &kSeedOss,   &kSmolLm3,   &kStableLm, &kStarcoder2, &kVaultGemma,
};

}  // namespace presswork::modelkit
