// spdlog to stderr, above whatever the progress display draws there.
#pragma once

#include "orchestrator/report/screen.h"

namespace presswork::cli {

// Makes the default logger write to `screen`, which must outlive every log call. Verbosity as in
// event_text.h.
void start_logging(report::Screen& screen, int verbosity);
void stop_logging();

}  // namespace presswork::cli
