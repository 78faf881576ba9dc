#include "faults/disturbance.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include "faults/command.h"
#include "support/child.h"

namespace presswork::faults {

namespace fs = std::filesystem;
using testing::run_to_end;
using testing::spawn;
using testing::wait_for;

std::vector<std::string> Scene::command(const std::string& verb) const {
  std::vector<std::string> words = {verb};
  if (verb == "run") words.push_back(workflow.string());
  words.insert(words.end(), common.begin(), common.end());
  return presswork(std::move(words), workspace);
}

namespace {

constexpr int killed = 128 + SIGKILL;

void pause_for(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

double moment(Scene& scene) { return std::uniform_real_distribution<double>(0, scene.seconds)(scene.random); }

template <class Container>
auto pick(Scene& scene, const Container& among) {
  return *std::next(std::begin(among), static_cast<std::ptrdiff_t>(scene.random() % std::size(among)));
}

std::string after(double seconds) {
  char text[48];
  std::snprintf(text, sizeof text, " after %.3f s", seconds);
  return text;
}

void expect_status(int status, std::initializer_list<int> allowed, const std::string& of) {
  for (const int one : allowed) {
    if (status == one) return;
  }
  throw Broken(of + " ended with " + std::to_string(status));
}

// What a run that ended by itself left running: nothing, at once.
void expect_nothing_running(const Scene& scene) {
  if (!still_running(read_journal(scene.journal).processes).empty()) {
    throw Broken("a process of a stage runs on after presswork has ended");
  }
}

std::vector<std::string> with_environment(std::vector<std::string> variables,
                                          const std::vector<std::string>& words) {
  variables.insert(variables.begin(), "/usr/bin/env");
  variables.insert(variables.end(), words.begin(), words.end());
  return variables;
}

// The shim has it mapped: it must never be shorter than a number.
fs::path number_file(const Scene& scene, const std::string& name, std::int64_t number) {
  const fs::path path = scene.folder / name;
  const auto mode = fs::exists(path) ? std::ios::in | std::ios::out : std::ios::out;
  std::fstream(path, mode | std::ios::binary).write(reinterpret_cast<const char*>(&number), sizeof number);
  return path;
}

std::int64_t number_in(const fs::path& path) {
  std::int64_t number = 0;
  std::ifstream(path, std::ios::binary).read(reinterpret_cast<char*>(&number), sizeof number);
  return number;
}

// Signals -------------------------------------------------------------------------------------------------

Aftermath kill_orchestrator(Scene& scene) {
  const double delay = moment(scene);
  const pid_t run = spawn(scene.command("run"), scene.log());
  pause_for(delay);
  ::kill(run, SIGKILL);
  expect_status(wait_for(run), {0, killed}, "run");
  return {"SIGKILL to presswork" + after(delay)};
}

bool has_ended(pid_t child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid != 0;
}

// The first moment from now on when there is one; none when the run ends before.
pid_t wait_for_one(Scene& scene, pid_t run, bool (*chosen)(pid_t)) {
  while (!has_ended(run)) {
    std::vector<pid_t> candidates;
    for (const pid_t process : descendants_of(run)) {
      if (chosen(process)) candidates.push_back(process);
    }
    if (!candidates.empty()) return pick(scene, candidates);
    pause_for(0.001);
  }
  return 0;
}

Aftermath kill_one_of(Scene& scene, const std::string& what, bool (*chosen)(pid_t)) {
  const double delay = moment(scene);
  const pid_t run = spawn(scene.command("run"), scene.log());
  pause_for(delay);
  const pid_t victim = wait_for_one(scene, run, chosen);
  if (victim != 0) ::kill(victim, SIGKILL);
  expect_status(wait_for(run), {0, 1}, "run");
  expect_nothing_running(scene);
  return {(victim == 0 ? "no " : "SIGKILL to a ") + what + after(delay)};
}

Aftermath kill_host(Scene& scene) {
  return kill_one_of(scene, "process of a stage", [](pid_t process) { return !is_fork_server(process); });
}

Aftermath kill_fork_server(Scene& scene) { return kill_one_of(scene, "fork server", is_fork_server); }

Aftermath kill_everything(Scene& scene) {
  const double delay = moment(scene);
  const pid_t run = spawn(scene.command("run"), scene.log());
  pause_for(delay);
  auto all = descendants_of(run);
  ::kill(run, SIGKILL);
  for (const pid_t process : all) ::kill(process, SIGKILL);
  expect_status(wait_for(run), {0, killed}, "run");
  return {"SIGKILL to presswork and " + std::to_string(all.size()) + " others" + after(delay)};
}

Aftermath stop_by(Scene& scene, const std::string& what, int status, void (*ask)(Scene&, pid_t)) {
  const double delay = moment(scene);
  const pid_t run = spawn(scene.command("run"), scene.log());
  pause_for(delay);
  ask(scene, run);
  // Before it has made itself heard, a signal has its default effect.
  expect_status(wait_for(run), {0, status, 128 + SIGINT, 128 + SIGTERM}, "run");
  expect_nothing_running(scene);
  return {what + after(delay)};
}

Aftermath interrupt(Scene& scene) {
  return stop_by(scene, "SIGINT", 130, [](Scene&, pid_t run) { ::kill(run, SIGINT); });
}

Aftermath interrupt_twice(Scene& scene) {
  return stop_by(scene, "SIGINT twice", 130, [](Scene& in, pid_t run) {
    ::kill(run, SIGINT);
    pause_for(moment(in) / 10);
    ::kill(run, SIGINT);
  });
}

Aftermath terminate(Scene& scene) {
  return stop_by(scene, "SIGTERM", 143, [](Scene&, pid_t run) { ::kill(run, SIGTERM); });
}

Aftermath cancel(Scene& scene) {
  return stop_by(scene, "presswork cancel", 143,
                 [](Scene& in, pid_t) { run_to_end(in.command("cancel"), in.folder / "cancel.log"); });
}

Aftermath stop_a_host(Scene& scene) {
  const double delay = moment(scene);
  const pid_t run = spawn(scene.command("run"), scene.log());
  pause_for(delay);
  for (const pid_t process : descendants_of(run)) {
    // What has yet to become a host shares presswork's memory, and presswork waits for it in the kernel
    // (vfork), deaf to all but SIGKILL: stopping that one would stop presswork itself.
    if (!is_same_program(process, run)) ::kill(process, SIGSTOP);
  }
  ::kill(run, SIGINT);
  pause_for(0.05);
  ::kill(run, SIGINT);  // does not wait for the stopped ones' grace
  expect_status(wait_for(run), {0, 130}, "run");
  expect_nothing_running(scene);
  return {"SIGSTOP to all below presswork, then SIGINT twice" + after(delay)};
}

Aftermath freeze(Scene& scene) {
  const double delay = moment(scene);
  const pid_t run = spawn(scene.command("run"), scene.log());
  pause_for(delay);
  ::kill(run, SIGSTOP);
  pause_for(0.2);
  ::kill(run, SIGCONT);
  expect_status(wait_for(run), {0}, "run");
  expect_nothing_running(scene);
  return {"SIGSTOP for 0.2 s" + after(delay)};
}

// Another orchestrator -------------------------------------------------------------------------------------

Aftermath second_orchestrator(Scene& scene) {
  const double delay = moment(scene);
  const pid_t first = spawn(scene.command("run"), scene.log());
  pause_for(delay);
  ::kill(first, SIGSTOP);
  const int second = run_to_end(scene.command("run"), scene.folder / "second.log");
  ::kill(first, SIGCONT);
  const int status = wait_for(first);
  expect_status(second, {0, 4}, "the second run");
  expect_status(status, {0, 4}, "the first run");
  if (second == 4 && status == 4)
    throw Broken("each of two runs says that the other one holds the workspace");
  for (const auto& [name, times] : read_journal(scene.journal).finished) {
    if (times != 1) throw Broken(name + " was finished " + std::to_string(times) + " times");
  }
  return {"a second run (exit " + std::to_string(second) + ")" + after(delay)};
}

Aftermath shared_store(Scene& scene) {
  scene.common = {"--store", (scene.folder / "store").string()};
  Scene other = scene;
  other.workspace = scene.folder / "other";
  const double delay = moment(scene);
  const pid_t first = spawn(scene.command("run"), scene.log());
  const pid_t second = spawn(other.command("run"), scene.folder / "other.log");
  pause_for(delay);
  ::kill(first, SIGKILL);
  const int status = wait_for(first);
  expect_status(wait_for(second), {0}, "the run of the other workspace");
  expect_status(status, {0, killed}, "run");
  // The journal is that of both, so that it cannot tell who did what twice.
  return {"SIGKILL to one of two runs with one store" + after(delay), true};
}

// Disk and clock -------------------------------------------------------------------------------------------

// A small disk in memory, for as long as this lives.
class SmallDisk {
 public:
  explicit SmallDisk(fs::path place) : place_(std::move(place)) {
    fs::create_directories(place_);
    if (::mount("tmpfs", place_.c_str(), "tmpfs", 0, "size=8m") != 0)
      throw Impossible("a tmpfs cannot be mounted");
  }
  ~SmallDisk() { ::umount2(place_.c_str(), MNT_DETACH); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  void fill(std::size_t left) const {
    const auto space = fs::space(place_).available;
    if (space > left) std::ofstream(place_ / "ballast") << std::string(space - left, 'x');
  }
  void empty() const { fs::remove(place_ / "ballast"); }

 private:
  fs::path place_;
};

Aftermath full_disk(Scene& scene) {
  // As long as the process: the workspace is looked at until the end of the round.
  static std::unique_ptr<SmallDisk> disk;
  disk.reset();
  disk = std::make_unique<SmallDisk>(scene.folder / "disk");
  scene.workspace = scene.folder / "disk" / "ws";
  const double delay = moment(scene);
  const std::size_t left = scene.random() % 200'000;
  const pid_t run = spawn(scene.command("run"), scene.log());
  pause_for(delay);
  disk->fill(left);
  expect_status(wait_for(run), {0, 1}, "run");
  expect_nothing_running(scene);
  return {"disk full but for " + std::to_string(left) + " bytes" + after(delay), false,
          [] { disk->empty(); }};
}

Aftermath no_permission(Scene& scene) {
  constexpr uid_t nobody = 65534;
  std::vector<std::string> command = scene.command("run");
  if (::geteuid() == 0) {
    // Root may do everything, so the run is somebody else's.
    if (::chown(scene.folder.c_str(), nobody, nobody) != 0) throw Impossible("a folder cannot be given away");
    command.insert(command.begin(), {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"});
    if (::access("/usr/bin/setpriv", X_OK) != 0) throw Impossible("no setpriv");
    if (::access(scene.journal.c_str(), F_OK) != 0) std::ofstream(scene.journal).flush();
    ::chmod(scene.journal.c_str(), 0666);
  }
  const double delay = moment(scene);
  const pid_t run = spawn(command, scene.log());
  pause_for(delay);
  const fs::path folder =
      scene.workspace / pick(scene, std::array{"store/objects", "store/trees", "attempts", "."});
  ::chmod(folder.c_str(), 0500);
  const int status = wait_for(run);
  ::chmod(folder.c_str(), 0700);
  expect_status(status, {0, 1}, "run");
  expect_nothing_running(scene);
  return {"no right to write to " + folder.filename().string() + after(delay)};
}

Aftermath jump_clock(Scene& scene) {
  constexpr std::int64_t hour = 3600, year = 365 * 24 * hour;
  const std::int64_t jump = pick(scene, std::array{-10 * year, -hour, std::int64_t{-5}, hour, 10 * year});
  const fs::path offset = number_file(scene, "clock", 0);
  const double delay = moment(scene);
  const bool and_kill = scene.random() % 2 == 0;
  const pid_t run = spawn(
      with_environment({"LD_PRELOAD=" PRESSWORK_FAULT_SHIM, "PRESSWORK_CLOCK_OFFSET=" + offset.string()},
                       scene.command("run")),
      scene.log());
  pause_for(delay);
  number_file(scene, "clock", jump);
  if (and_kill) {
    pause_for(moment(scene) / 2);
    ::kill(run, SIGKILL);
  }
  expect_status(wait_for(run), {0, and_kill ? killed : 0}, "run");
  return {"clock moved by " + std::to_string(jump) + " s" + (and_kill ? ", then SIGKILL" : "") +
          after(delay)};
}

Aftermath crash_point(Scene& scene) {
  const long long at =
      1 + static_cast<long long>(scene.random() % static_cast<unsigned long>(scene.disk_steps));
  bool fired = false;
  expect_status(run_with_fault(scene, "kill", at, 0, fired), {0, killed}, "run");
  return {"SIGKILL before change " + std::to_string(at) + " of the disk"};
}

Aftermath disk_error(Scene& scene) {
  const long long at =
      1 + static_cast<long long>(scene.random() % static_cast<unsigned long>(scene.disk_steps));
  const std::string fault = pick(scene, std::array{"fail", "fail-on", "short"});
  const int error = pick(scene, std::array{EIO, ENOSPC});
  bool fired = false;
  expect_status(run_with_fault(scene, fault, at, error, fired), {0, 1}, "run");
  expect_nothing_running(scene);
  return {fault + " at change " + std::to_string(at) + " of the disk" +
          (fault == "short" ? "" : std::string(", ") + std::strerror(error))};
}

// Damage ----------------------------------------------------------------------------------------------------

Aftermath torn_ledger(Scene& scene) {
  const Aftermath death = kill_orchestrator(scene);
  std::vector<fs::path> files;
  for (const char* name : {"ledger.db", "ledger.db-wal"}) {
    std::error_code none;
    if (fs::file_size(scene.workspace / name, none) > 0 && !none) files.push_back(scene.workspace / name);
  }
  if (files.empty()) return death;
  const fs::path file = pick(scene, files);
  const auto length = scene.random() % fs::file_size(file);
  fs::resize_file(file, length);
  const int status = run_to_end(scene.command("resume"), scene.folder / "torn.log");
  expect_status(status, {0, 1, 2}, "resume");  // 2: there is no run in what is left
  if (status != 0) {
    // As the message says: the ledger is set aside, and the workflow run again.
    for (const char* name : {"ledger.db", "ledger.db-wal", "ledger.db-shm"})
      fs::remove(scene.workspace / name);
  }
  return {death.what + ", " + file.filename().string() + " cut to " + std::to_string(length) + " bytes",
          true};
}

void flip_a_bit(Scene& scene, const fs::path& file) {
  struct stat before {};
  ::stat(file.c_str(), &before);
  ::chmod(file.c_str(), 0600);
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  const auto at = static_cast<std::streamoff>(scene.random() % static_cast<unsigned long>(before.st_size));
  char byte = 0;
  bytes.seekg(at).get(byte);
  bytes.seekp(at).put(static_cast<char>(byte ^ (1 << scene.random() % 8)));
  bytes.close();
  ::chmod(file.c_str(), before.st_mode & 07777);
  const timespec times[2] = {before.st_atim, before.st_mtim};
  ::utimensat(AT_FDCWD, file.c_str(), times, 0);
}

std::vector<fs::path> stored_objects(const Scene& scene) {
  std::vector<fs::path> objects;
  std::error_code none;
  for (const auto& entry : fs::recursive_directory_iterator(scene.workspace / "store" / "objects", none)) {
    if (entry.is_regular_file() && entry.file_size() > 0) objects.push_back(entry.path());
  }
  return objects;
}

std::string name_of(const fs::path& object) {
  return "object " + object.parent_path().filename().string() + object.filename().string().substr(0, 10);
}

void repair(const Scene& scene) {
  auto verify = scene.command("verify");
  verify.push_back("--repair");
  run_to_end(verify, scene.folder / "verify.log");
}

Aftermath rotten_input(Scene& scene) {
  const Aftermath death = kill_orchestrator(scene);
  const std::vector<fs::path> objects = stored_objects(scene);
  if (objects.empty()) return death;
  const fs::path object = pick(scene, objects);
  flip_a_bit(scene, object);
  // Who is about to read it finds the damage, and the next session has it made anew.
  for (int session = 1, status = 1; status == 1 && session <= 3; ++session) {
    status = run_to_end(scene.command("resume"), scene.folder / "rotten.log");
    expect_status(status, {0, 1, 2}, "resume");  // 2: there is no run yet
  }
  repair(scene);  // should nobody have read it
  expect_status(run_to_end(scene.command("run"), scene.log()), {0}, "run after verify --repair");
  return {death.what + ", one bit of " + name_of(object) + " flipped", true};
}

Aftermath rotten_bit(Scene& scene) {
  expect_status(run_to_end(scene.command("run"), scene.log()), {0}, "run");
  const fs::path object = pick(scene, stored_objects(scene));
  flip_a_bit(scene, object);
  expect_status(run_to_end(scene.command("verify"), scene.folder / "verify.log"), {1},
                "verify of a rotten object");
  repair(scene);
  expect_status(run_to_end(scene.command("run"), scene.log()), {0}, "run after verify --repair");
  return {"one bit of " + name_of(object) + " flipped", true};
}

}  // namespace

int run_with_fault(Scene& scene, const std::string& fault, long long at, int error, bool& fired) {
  const fs::path counter = number_file(scene, "counter", 0);
  const int status =
      run_to_end(with_environment(
                     {"LD_PRELOAD=" PRESSWORK_FAULT_SHIM, "PRESSWORK_FAULT_UNDER=" + scene.workspace.string(),
                      "PRESSWORK_FAULT_COUNTER=" + counter.string(),
                      "PRESSWORK_FAULT=" + fault + ":" + std::to_string(at) + ":" + std::to_string(error)},
                     scene.command("run")),
                 scene.log());
  fired = number_in(counter) >= at;
  return status;
}

long long count_disk_steps(Scene& scene) {
  bool fired = false;
  expect_status(run_with_fault(scene, "none", 1, 0, fired), {0}, "the undisturbed run");
  return number_in(scene.folder / "counter");
}

const std::vector<Disturbance>& disturbances() {
  static const std::vector<Disturbance> all = {
      {"kill-orchestrator", "kill -9 of presswork", kill_orchestrator},
      {"kill-host", "kill -9 of a stage's process", kill_host},
      {"kill-fork-server", "kill -9 of a fork server", kill_fork_server},
      {"kill-everything", "kill -9 of presswork and all below it", kill_everything},
      {"crash-point", "kill -9 before a change of the disk", crash_point},
      {"interrupt", "Ctrl-C", interrupt},
      {"interrupt-twice", "Ctrl-C twice", interrupt_twice},
      {"terminate", "SIGTERM", terminate},
      {"cancel", "presswork cancel from another terminal", cancel},
      {"stop-hosts", "stages that are stopped when the run is", stop_a_host},
      {"freeze", "presswork stopped and continued", freeze},
      {"second-orchestrator", "another run in the workspace", second_orchestrator},
      {"shared-store", "two workspaces with one store, one killed", shared_store},
      {"full-disk", "no space left", full_disk},
      {"no-permission", "a folder of the workspace may not be written to", no_permission},
      {"clock", "the time of day jumps", jump_clock},
      {"disk-error", "an operation on the disk fails, or writes half", disk_error},
      {"torn-ledger", "kill -9, and the ledger cut at any byte", torn_ledger},
      {"rotten-input", "kill -9, and a bit of a stored object flips", rotten_input},
      {"rotten-bit", "a bit of a stored object flips", rotten_bit},
  };
  return all;
}

}  // namespace presswork::faults
