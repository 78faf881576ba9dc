// strategy/plan and strategy/adjust.
#include "plugins/strategy/adjust.h"
#include "plugins/strategy/plan.h"

PRESSWORK_PLUGIN("presswork-strategy", "0.1.0", presswork::PlanStrategy, presswork::AdjustStrategy);
