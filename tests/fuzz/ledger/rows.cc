// Any text in any column of the ledger that holds JSON: every row is read, or an Error says that it is
// damaged.
#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "orchestrator/base/error.h"
#include "orchestrator/store/ledger.h"
#include "orchestrator/store/sqlite.h"

namespace {

namespace fs = std::filesystem;
using namespace presswork::store;
using presswork::base::Json;

// In the order of the first byte: changes one column and puts back what the one before changed.
constexpr std::array columns = {"UPDATE runs SET plan = ?",
                                "UPDATE instances SET inputs = ?",
                                "UPDATE instances SET parameters = ?",
                                "UPDATE instances SET needs = ?",
                                "UPDATE checkpoints SET outputs = ?",
                                "UPDATE checkpoints SET metrics = ?",
                                "UPDATE decisions SET inputs = ?",
                                "UPDATE iterations SET state = ?",
                                "UPDATE superseded SET record = ?"};
constexpr std::array sound = {"{}", "{}", "{}", "[]", "{}", "{}", "{}", "{}", "{}"};

class Subject {
 public:
  Subject() : folder_(fs::temp_directory_path() / ("presswork-fuzz-ledger-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    const fs::path file = folder_ / "ledger.db";
    ledger_ = Ledger::open(file);
    fill();
    other_ = std::make_unique<sqlite::Connection>(file.string(), SQLITE_OPEN_READWRITE);
    other_->execute("PRAGMA synchronous = OFF");
  }
  ~Subject() {
    ledger_.reset();
    other_.reset();
    std::error_code none;
    fs::remove_all(folder_, none);
  }

  void set(std::size_t column, std::string_view text) {
    other_->prepare(columns[column]).bind(text).step();
    changed_ = column;
  }
  void put_back() { other_->prepare(columns[changed_]).bind(std::string_view(sound[changed_])).step(); }

  void read_all() {
    for (const RunRow& run : ledger_->runs()) {
      ledger_->run(run.id);
      ledger_->instances(run.id);
      ledger_->instances_with_checkpoints(run.id);
      ledger_->decisions(run.id);
      ledger_->iterations(run.id);
      ledger_->superseded(run.id);
      ledger_->history(run.id);
      ledger_->pending_undo(run.id);
    }
    ledger_->checkpoints();
    ledger_->checkpoint("k");
  }

 private:
  void fill() {
    const std::string run = ledger_->create_run({"", "flow", "running", Json::object(), "s", "", ""});
    for (const char* id : {"a", "b"}) {
      InstanceRow row;
      row.run = run;
      row.id = id;
      row.uses = "u/v";
      row.state = "succeeded";
      row.key = "k";
      row.inputs = row.with = Json::object();
      ledger_->put(row);
    }
    ledger_->put(CheckpointRow{"k", "u/v", {{"o", {"t", "d"}}}, Json::object(), 0, 0, 0, run, "a", "c"});
    ledger_->put(DecisionRow{run, "d", "yes", Json::object(), "m"});
    ledger_->put(IterationRow{run, "tune", 1, Json::object(), "", "m"});
    ledger_->supersede(run, {"b"}, {"b"}, "t", "taken back");
  }

  fs::path folder_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<sqlite::Connection> other_;
  std::size_t changed_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Subject subject;
  if (size == 0) return 0;
  subject.set(data[0] % columns.size(), {reinterpret_cast<const char*>(data) + 1, size - 1});
  try {
    subject.read_all();
  } catch (const presswork::base::Error& error) {
    if (error.code != presswork::base::ErrorCode::corrupt) __builtin_trap();
  }
  subject.put_back();
  return 0;
}
