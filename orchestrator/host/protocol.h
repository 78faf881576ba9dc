// The host protocol: JSON lines over one private stream socket between the executor and a host process.
//
// The executor writes one request line, and "cancel" later if it must; the host answers with event lines
// (schemas/host-event.schema.json), each with the request's nonce, the last one "done", and ends by _exit.
// The nonce is never in an argument or in the environment, so that nothing that a plugin prints or writes to
// a descriptor can pass for an event. The end of the stream is the lifeline: when the executor's process
// dies, the host kills its process group.
//
// A host that is started as `presswork-host --serve PLUGIN` is a fork server (server.h); its control
// descriptor is a SOCK_SEQPACKET socket. It says "ready" or "unfit REASON" once, and answers each order,
// which is ATTEMPT NUL HOME with two descriptors (the attempt's private socket and its log), with "pid N" or
// "failed ERRNO". The copy that it made then behaves as any other host.
#pragma once

#include <cstddef>

namespace presswork::host {

// Where the host finds its end of the socket when it starts.
inline constexpr int control_descriptor = 3;
// It moves it to here or above, close-on-exec, before it loads a plugin.
inline constexpr int private_descriptor_floor = 200;

inline constexpr std::size_t max_order_bytes = 8192;  // to a fork server; its answers are shorter
inline constexpr std::size_t max_request_bytes = std::size_t{64} << 20;
// Limits on what a stage can make its host say; the executor ends a host that exceeds them.
inline constexpr std::size_t max_event_bytes = std::size_t{4} << 20;
inline constexpr std::size_t max_metric_bytes = std::size_t{1} << 20;
inline constexpr std::size_t max_metrics = 10'000;
inline constexpr std::size_t max_outputs = 1'000;
inline constexpr std::size_t max_log_bytes = std::size_t{16} << 10;
inline constexpr std::size_t max_json_depth = 64;

// Exit statuses of the host; any other comes from the plugin.
inline constexpr int exit_done = 0;           // "done" says how the call went
inline constexpr int exit_bad_request = 64;   // the request is not one, or nobody reads the answer
inline constexpr int exit_channel_lost = 70;  // the plugin closed the private descriptor
inline constexpr int exit_forked_copy = 71;   // a forked copy of the host came back from the stage's call

}  // namespace presswork::host
