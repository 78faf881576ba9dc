// deploy/test and deploy/bundle.
#include "plugins/deployment/bundle.h"
#include "plugins/deployment/test.h"

PRESSWORK_PLUGIN("presswork-deployment", "0.1.0", presswork::DeployTest, presswork::DeployBundle);
