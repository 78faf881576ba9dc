#include "orchestrator/cli/verb.h"

int main(int argc, char** argv) { return presswork::cli::run_command_line(argc, argv); }
