// The report as one page: it loads nothing and runs nothing; light or dark as its reader prefers.
#pragma once

#include <string>

#include "plugins/report/model.h"

namespace presswork::summary {

std::string to_html(const Json& model, const Phrases& say);

// A page of this look around `body`, which is HTML already.
std::string html_page(const std::string& title, const std::string& body, const Phrases& say);

}  // namespace presswork::summary
