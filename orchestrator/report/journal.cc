#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "orchestrator/report/progress.h"

namespace presswork::report {

namespace {

class Journal : public engine::Observer {
 public:
  Journal(std::filesystem::path runs, std::function<void(const std::string&)> complain)
      : runs_(std::move(runs)), complain_(std::move(complain)) {}

  ~Journal() override {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  void on_event(const engine::Event& event) override {
    if (event.kind == "run_started") open(event.data.value("run", ""));
    if (descriptor_ < 0) return;
    // One write a line: a crash leaves at most the last line incomplete, and the next line starts a new one.
    const std::string line =
        event.to_json().dump(-1, ' ', false, base::Json::error_handler_t::replace) + "\n";
    if (::write(descriptor_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      fail(std::strerror(errno));
    }
  }

 private:
  void open(const std::string& run) {
    if (run.empty() || run.find('/') != std::string::npos) return;
    const std::filesystem::path folder = runs_ / run;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    path_ = folder / "events.jsonl";
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor_ < 0) return fail(std::strerror(errno));
    // After a crash the last line may lack its end.
    const off_t size = ::lseek(descriptor_, 0, SEEK_END);
    char last = '\n';
    if (size > 0 && ::pread(descriptor_, &last, 1, size - 1) == 1 && last != '\n') {
      if (::write(descriptor_, "\n", 1) != 1) fail(std::strerror(errno));
    }
  }

  void fail(const std::string& why) {
    if (!complained_) complain_("cannot write the journal " + path_.string() + ": " + why);
    complained_ = true;
  }

  std::filesystem::path runs_, path_;
  std::function<void(const std::string&)> complain_;
  int descriptor_ = -1;
  bool complained_ = false;
};

}  // namespace

std::unique_ptr<engine::Observer> make_journal(std::filesystem::path runs,
                                               std::function<void(const std::string&)> complain) {
  return std::make_unique<Journal>(std::move(runs), std::move(complain));
}

}  // namespace presswork::report
