// JSON Lines with a "text" field: a document on each line. Input may be hostile: memory is bounded by the
// text's own size, whatever is nested around it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace presswork::modelkit {

// The "text" of each line's object, in order; lines of white space are passed over, a byte order mark at the
// start too. Objects may have other keys of any kind. `where` names the file: Error "invalid_input" says
// file:line:column of what is no JSON, no object, or an object without exactly one "text" that is a text.
std::vector<std::string> parse_json_lines(std::string_view all, const std::string& where);

}  // namespace presswork::modelkit
