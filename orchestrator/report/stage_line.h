// One line about a stage that runs or waits or a loop, and one about the whole run, as wide as there is room.
#pragma once

#include <string>

#include "orchestrator/report/board.h"
#include "orchestrator/report/style.h"

namespace presswork::report {

struct StageLine {
  const Style& style;
  std::size_t width;  // columns in all
  std::size_t name;   // columns for the instance's id
  std::string mark;   // before a running one

  std::string of(const RunningStage& stage, Board::Time now) const;
  std::string of(const std::string& instance, const WaitingStage& stage, Board::Time now) const;
  std::string of(const std::string& instance, const OpenLoop& loop) const;
};

// "" for a single stage, which has a line of its own, and before a run began.
std::string total_line(const Board& board, const Style& style, std::size_t width, Board::Time now);

// "52 % (21/40 layers)" or "(21 layers)"; "" when the stage said nothing.
std::string progress_text(const Estimate& estimate);

// "iteration 2 of at most 5"; `max` 0: it is not known.
std::string iteration_text(int iteration, int max);

// An id in at most `width` columns: its end tells instances of one stage apart, so it is cut in the middle.
std::string shorten(const std::string& id, std::size_t width);

}  // namespace presswork::report
