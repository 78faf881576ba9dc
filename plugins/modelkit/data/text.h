// Texts for calibration and evaluation: plain UTF-8 files, or JSON Lines with a "text" field.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace presswork::modelkit {

// The documents of the file at `path`. A name that ends in ".jsonl": one for every line, the "text" of that
// line's object (empty lines are passed over). Any other name: the whole file, one document. Throws Error
// "invalid_input" naming the file, and the line or byte offset: not there, not UTF-8, empty, a line that is
// no object with a "text".
std::vector<std::string> read_documents(const std::filesystem::path& path);

// The documents as one text, an empty line ("\n\n") between them.
std::string read_text(const std::filesystem::path& path);

}  // namespace presswork::modelkit
