// Hosts made by copying a process that has the plugin loaded; host/server.h is the other side.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "orchestrator/executor/spawn.h"

namespace presswork::executor {

// One server process. Whatever becomes of it, nothing here throws once it was started: it is over, then.
class ForkServer {
 public:
  // Starts it; it loads the plugin by itself. Throws base::Error.
  ForkServer(const fs::path& program, const StageRequest& like, std::function<bool(pid_t)> is_host);
  ~ForkServer();  // ends what its plugin's constructors left behind, too
  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;

  enum class State { loading, ready, unfit, over };
  State state();  // as far as it has said so; does not wait
  void wait_until_loaded();
  pid_t pid() const { return pid_; }

  // A copy for this attempt; nothing when there is none to be had.
  std::optional<SpawnedHost> copy(const StageRequest& request);

 private:
  std::string hear(int wait_ms);  // the next message, or ""; negative: waits for ever
  void take(const std::string& message);

  std::function<bool(pid_t)> is_host_;
  pid_t pid_ = 0;
  std::string id_;  // its PRESSWORK_ATTEMPT
  Descriptor socket_;
  State state_ = State::loading;
};

// Starts hosts: copies of a server where there is one, else programs.
class HostStarter {
 public:
  // `is_host` tells the hosts that run, and what is_server() tells.
  HostStarter(fs::path program, WarmHosts warm, std::function<bool(pid_t)> is_host)
      : program_(std::move(program)), warm_(warm), is_host_(std::move(is_host)) {}

  SpawnedHost start(const StageRequest& request);  // throws base::Error
  bool is_server(pid_t pid) const;
  void end_servers();

 private:
  // Libraries read OMP_NUM_THREADS when they are loaded.
  using Key = std::pair<std::string, unsigned>;  // plugin, threads
  struct Entry {
    std::unique_ptr<ForkServer> server;
    std::string file;  // which contents of the plugin's file it loaded
    int asked = 0;
    int failures = 0;
    std::uint64_t last_used = 0;
  };
  ForkServer* server_for(const StageRequest& request);
  void make_room();

  fs::path program_;
  WarmHosts warm_;
  std::function<bool(pid_t)> is_host_;
  std::map<Key, Entry> entries_;
  std::uint64_t uses_ = 0;
};

}  // namespace presswork::executor
