// The host's end of the private socket.
#pragma once

#include <sys/types.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

namespace presswork::host {

using Json = nlohmann::json;

class Channel {
 public:
  // Takes over `descriptor` and moves it out of the way of children (close-on-exec, a high number).
  explicit Channel(int descriptor);

  // The request line. False at the end of the stream, or when the line is longer than max_request_bytes.
  bool read_request(std::string& line);

  // From now on: "cancel" raises the cancellation flag; the end of the stream kills the process group.
  void watch();

  void set_nonce(std::string nonce) { nonce_ = std::move(nonce); }

  // Sends one event; thread-safe. Ends the process when the socket is lost, and in a forked copy of the host.
  void send(Json event);

 private:
  int socket_;
  pid_t process_;
  std::string nonce_;
  std::mutex sending_;
};

// The cancellation flag of this process: set by SIGTERM and by "cancel".
bool cancellation_requested();
void request_cancellation();
void forget_cancellation();  // in the copy of a fork server: what was meant for the server

}  // namespace presswork::host
