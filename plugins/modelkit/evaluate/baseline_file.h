// A baseline's final hidden states on disk, so that it runs once however many models are compared with it.
// The state before the head says all that there is to know of a prediction in `width` numbers a token,
// instead of one for each entry of the vocabulary, and loses nothing: the baseline's logits are its head
// times these.
//
// A folder with states.safetensors (a float32 tensor [tokens, width] for each window) and baseline.json (what
// they were made from).
#pragma once

#include <filesystem>
#include <string>

#include "plugins/modelkit/evaluate/hidden_states.h"

namespace presswork::modelkit {

// "sha256:..." of the tensors' names, types, shapes, and first and last 4 KiB: tells models apart without
// reading them whole.
std::string weights_digest(const ModelSource& model);

// Writes the states of `windows`; the folder is made. Throws "no_space" or "io".
void write_baseline(const std::filesystem::path& folder, const ModelSource& model,
                    const TokenWindows& windows, HiddenStates& states, Compute& compute);

// Reads them again. Throws "invalid_input" when they were made with another model, text, window or sampling
// than `model` and `windows`, "corrupt_file".
HiddenStates read_baseline(const std::filesystem::path& folder, const ModelSource& model,
                           const TokenWindows& windows, const StateLimit& limit, Compute& compute);

}  // namespace presswork::modelkit
