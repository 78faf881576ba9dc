// Text made safe for HTML and SVG. All that the page says goes through here: names of models and stages, and
// what plugins wrote, are not to be trusted.
#pragma once

#include <string>

namespace presswork::summary {

// For text and for attributes in double quotes. Characters that HTML does not allow become U+FFFD.
std::string escape(const std::string& text);

// The first `most` characters, with an ellipsis where there are more.
std::string shortened(const std::string& text, std::size_t most);

// "12.5", at most two digits behind the point: a coordinate.
std::string coordinate(double value);

}  // namespace presswork::summary
