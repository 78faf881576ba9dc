#include "orchestrator/executor/event_stream.h"

#include <algorithm>

#include "orchestrator/host/protocol.h"

namespace presswork::executor {

using base::Json;

namespace {

constexpr std::size_t max_total_metric_bytes = std::size_t{64} << 20;

// How deep the brackets nest; writing and destroying a value takes stack in proportion.
std::size_t depth_of(std::string_view json) {
  std::size_t depth = 0, deepest = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

std::string text_at(const Json& event, const char* key) {
  const auto found = event.find(key);
  return found == event.end() ? std::string() : found->get<std::string>();
}

}  // namespace

void EventStream::feed(std::string_view bytes, Batch& batch) {
  while (!bytes.empty() && violation_.empty() && !done_) {
    const auto end = bytes.find('\n');
    line_.append(bytes.substr(0, end));
    if (line_.size() > host::max_event_bytes) {
      violation_ = "an event of more than " + std::to_string(host::max_event_bytes) + " bytes";
      line_ = {};
      return;
    }
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    take_line(line_, batch);
    line_.clear();
  }
}

void EventStream::take_line(std::string_view line, Batch& batch) {
  if (depth_of(line) > host::max_json_depth) {
    violation_ = "an event whose values nest deeper than " + std::to_string(host::max_json_depth);
    return;
  }
  const Json event = Json::parse(line.begin(), line.end(), nullptr, false);
  if (!event.is_object()) {
    violation_ = "a line that is no event";
    return;
  }
  // Whatever else it says: without the nonce it does not come from the host.
  const auto nonce = event.find("nonce");
  if (nonce == event.end() || !nonce->is_string() || nonce->get_ref<const std::string&>() != nonce_) {
    violation_ = "an event without the attempt's nonce, which only the host knows";
    return;
  }
  try {
    take_event(event, line.size(), batch);
  } catch (const Json::exception&) {
    violation_ = "an event with missing or mistyped fields";
  }
}

void EventStream::take_event(const Json& event, std::size_t bytes, Batch& batch) {
  const std::string kind = event.at("event").get<std::string>();
  HostEvent news;
  news.token = token_;
  if (kind == "loaded") {
    loaded_ = true;
  } else if (kind == "log") {
    news.kind = HostEvent::Kind::log;
    news.level = event.at("level").get<std::string>();
    news.text = event.at("text").get<std::string>();
    batch.emplace_back(std::move(news));
  } else if (kind == "progress") {
    news.kind = HostEvent::Kind::progress;
    news.done = event.at("done").get<double>();
    news.total = event.at("total").get<double>();
    news.what = event.at("what").get<std::string>();
    batch.emplace_back(std::move(news));
  } else if (kind == "metric") {
    take_metric(event, bytes, batch);
  } else if (kind == "done") {
    take_done(event);
  } else {
    violation_ = "an event of the unknown kind \"" + kind.substr(0, 80) + "\"";
  }
}

void EventStream::take_metric(const Json& event, std::size_t bytes, Batch& batch) {
  metric_bytes_ += bytes;
  const std::string name = event.at("name").get<std::string>();
  metrics_[name] = event.at("value");
  if (metric_bytes_ > max_total_metric_bytes || metrics_.size() > host::max_metrics) {
    violation_ = "more metrics than a stage may report";
    return;
  }
  HostEvent news;
  news.token = token_;
  news.kind = HostEvent::Kind::metric;
  news.name = name;
  news.value = event.at("value");
  batch.emplace_back(std::move(news));
}

void EventStream::take_done(const Json& event) {
  DoneRecord record;
  record.status = event.at("status").get<std::string>();
  record.code = text_at(event, "code");
  record.message = text_at(event, "message");
  record.where = text_at(event, "where");
  record.hint = text_at(event, "hint");
  record.document = event.value("document", Json());
  record.peak_memory_bytes = event.at("peak_memory_bytes").get_ref<const std::uint64_t&>();
  for (const Json& output : event.value("outputs", Json::array())) {
    record.outputs.push_back({output.at("name").get<std::string>(), output.at("path").get<std::string>(),
                              output.at("reference").get<bool>()});
  }
  done_ = std::move(record);
}

}  // namespace presswork::executor
