// Texts for calibration and evaluation: plain UTF-8 files, or JSON Lines with a "text" field.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace presswork::modelkit {

// The bytes of a file that a user named, at most 2 GiB. Throws "invalid_input" or "io".
std::string read_input_file(const std::filesystem::path& path);

// The documents of the file at `path`. A name that ends in ".jsonl": one for every line, the "text" of that
// line's object (see json_lines.h). Any other name: the whole file, one document. Documents without a byte
// are left out. Throws Error "invalid_input" with file:line:column (in bytes, from 1): not there, not UTF-8,
// empty, a line that is no object with a "text".
std::vector<std::string> read_documents(const std::filesystem::path& path);

// One text, an empty line ("\n\n") between documents.
std::string joined(std::vector<std::string> documents);

// The documents of a file as one text, an empty line ("\n\n") between them.
std::string read_text(const std::filesystem::path& path);

}  // namespace presswork::modelkit
