// The fork server: a host process that has loaded one plugin, and makes a copy of itself for each attempt.
//
// Loading a plugin (dynamic linking, relocations, constructors) costs more than most of what a host does, so
// the executor may start one server a plugin and ask it for copies. What isolation promises stays true: each
// copy is a process of its own, a child of the executor's (CLONE_PARENT), with its own process group, private
// socket, log and environment; it makes one call and ends. What a stage does to its memory stays in its copy.
//
// A copy is only as good as a fresh process when nothing but memory was made by loading. So a server serves
// only while it has one thread, no children, no descriptors beyond its own, no writable shared mapping and no
// timer; otherwise it says "unfit" and ends, and every attempt starts a process of its own. What copies share
// with each other, and fresh hosts do not: the layout of the address space (ASLR is drawn once a server), and
// what constructors computed (a seed drawn there is the same in every copy).
#pragma once

#include <string>

#include "orchestrator/host/plugin.h"

namespace presswork::host {

// What a copy starts with.
struct ServedCall {
  int socket = -1;  // the attempt's private socket
  LoadedPlugin plugin;
};

// Loads the plugin and serves until the executor closes the socket; then ends the process. Returns only in
// the copies.
ServedCall serve(const std::string& plugin);

}  // namespace presswork::host
