// One call of a plugin, from loading it to the done record.
#pragma once

#include "orchestrator/host/channel.h"
#include "orchestrator/host/plugin.h"
#include "orchestrator/host/request.h"

namespace presswork::host {

// Does what `request` says and returns the done event: {"event": "done", "status": "ok" | "failed" |
// "cancelled" | "unsupported", "code", "message", "where", "hint", "outputs", "document"}.
Json perform(const Request& request, Channel& channel);

// The same with a plugin that is loaded already.
Json perform(const Request& request, Channel& channel, const LoadedPlugin& plugin);

}  // namespace presswork::host
