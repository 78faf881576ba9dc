#include "orchestrator/cli/logging.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>
#include <string>

#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

class ScreenSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit ScreenSink(report::Screen& screen) : screen_(screen) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const report::Style& style = screen_.style();
    const std::string text =
        report::printable(std::string_view(message.payload.data(), message.payload.size()));
    switch (message.level) {
      case spdlog::level::warn:
        return screen_.print(style.yellow("warning: ") + text);
      case spdlog::level::err:
      case spdlog::level::critical:
        return screen_.print(style.red("error: ") + text);
      default:
        return screen_.print(text);
    }
  }
  void flush_() override {}

 private:
  report::Screen& screen_;
};

}  // namespace

void start_logging(report::Screen& screen, int verbosity) {
  auto logger = std::make_shared<spdlog::logger>("presswork", std::make_shared<ScreenSink>(screen));
  logger->set_level(verbosity < 0    ? spdlog::level::err
                    : verbosity == 0 ? spdlog::level::warn
                    : verbosity == 1 ? spdlog::level::info
                                     : spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void stop_logging() { spdlog::set_default_logger(std::make_shared<spdlog::logger>("presswork")); }

}  // namespace presswork::cli
