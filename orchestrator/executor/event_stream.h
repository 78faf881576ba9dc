// What a host says, from bytes to checked events. Nothing in here trusts the host: a plugin lives in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/executor/executor.h"

namespace presswork::executor {

// The done record.
struct DoneRecord {
  std::string status;  // "ok", "failed", "cancelled", "unsupported"
  std::string code, message, where, hint;
  std::vector<DeclaredOutput> outputs;
  base::Json document;
  std::uint64_t peak_memory_bytes = 0;
};

class EventStream {
 public:
  EventStream(std::uint64_t token, std::string nonce) : token_(token), nonce_(std::move(nonce)) {}

  // Takes the next bytes and appends the events in them to `batch`. After a violation, or after the done
  // record, bytes are ignored.
  void feed(std::string_view bytes, Batch& batch);

  // What was wrong, or "" so far.
  const std::string& violation() const { return violation_; }
  bool loaded() const { return loaded_; }  // the plugin was loaded
  const std::optional<DoneRecord>& done() const { return done_; }
  std::map<std::string, base::Json>& metrics() { return metrics_; }

 private:
  void take_line(std::string_view line, Batch& batch);
  void take_event(const base::Json& event, std::size_t bytes, Batch& batch);
  void take_metric(const base::Json& event, std::size_t bytes, Batch& batch);
  void take_done(const base::Json& event);

  std::uint64_t token_;
  std::string nonce_;
  std::string line_;  // its beginning, until the newline comes
  std::string violation_;
  bool loaded_ = false;
  std::optional<DoneRecord> done_;
  std::map<std::string, base::Json> metrics_;
  std::size_t metric_bytes_ = 0;
};

}  // namespace presswork::executor
