// Preloaded into the orchestrator (its stages have an environment of their own): the n-th call that changes
// the workspace's disk is the last one before death, or fails, or writes half; and the clock may be moved.
//
//   PRESSWORK_FAULT_UNDER    only calls that concern paths under this folder count
//   PRESSWORK_FAULT          kill:N  fail:N:ERRNO  fail-on:N:ERRNO (and every later one)  short:N; N from 1
//   PRESSWORK_FAULT_COUNTER  a file of 8 bytes, in which the calls are counted
//   PRESSWORK_CLOCK_OFFSET   a file of 8 bytes: seconds added to the time of day, read at each look
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

using Number = std::atomic<std::int64_t>;

Number* mapped(const char* variable) {
  const char* path = ::getenv(variable);
  if (path == nullptr) return nullptr;
  const int file = ::open(path, O_RDWR | O_CLOEXEC);
  void* place = file < 0 ? MAP_FAILED : ::mmap(nullptr, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file >= 0) ::close(file);
  return place == MAP_FAILED ? nullptr : static_cast<Number*>(place);
}

enum class Mode { none, kill, fail, fail_on, half };

struct Plan {
  std::string under;
  Mode mode = Mode::none;
  std::int64_t at = 0;
  int error = EIO;
  Number* counter = nullptr;
  Number* clock = nullptr;

  Plan() {
    const char* folder = ::getenv("PRESSWORK_FAULT_UNDER");
    under = folder == nullptr ? "" : folder;
    char word[16] = {};
    long long number = 0;
    const char* fault = ::getenv("PRESSWORK_FAULT");
    if (fault != nullptr && std::sscanf(fault, "%15[^:]:%lld:%d", word, &number, &error) >= 2) {
      const std::string_view name = word;
      mode = name == "kill"      ? Mode::kill
             : name == "fail"    ? Mode::fail
             : name == "fail-on" ? Mode::fail_on
             : name == "short"   ? Mode::half
                                 : Mode::none;
      at = number;
    }
    counter = mapped("PRESSWORK_FAULT_COUNTER");
    clock = mapped("PRESSWORK_CLOCK_OFFSET");
  }
};

const Plan& plan() {
  static const Plan& the_plan = *new Plan;  // it is asked until the very end of the process
  return the_plan;
}

bool concerns(const char* path) {
  const std::string& under = plan().under;
  return !under.empty() && path != nullptr && std::strncmp(path, under.c_str(), under.size()) == 0;
}

bool concerns(int file) {
  char link[32], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t size = ::readlink(link, path, sizeof path - 1);
  if (size <= 0) return false;
  path[size] = '\0';
  return concerns(path);
}

enum class Fate { go_on, fail, half };

// What becomes of a call that concerns the workspace. With Mode::kill it does not come back.
Fate fate_of_next() {
  const Plan& the = plan();
  if (the.counter == nullptr) return Fate::go_on;
  const std::int64_t number = ++*the.counter;
  const bool now = number == the.at;
  if (the.mode == Mode::kill && now) ::raise(SIGKILL);
  if (the.mode == Mode::half && now) return Fate::half;
  if ((the.mode == Mode::fail && now) || (the.mode == Mode::fail_on && number >= the.at)) {
    errno = the.error;
    return Fate::fail;
  }
  return Fate::go_on;
}

bool fails(bool concerned) { return concerned && fate_of_next() == Fate::fail; }

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

// Opening counts only where it may make or cut a file.
bool changes(int flags) { return (flags & (O_CREAT | O_TRUNC)) != 0; }

mode_t mode_in(int flags, va_list more) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
}

}  // namespace

#define REAL(name) static auto* const next = real<decltype(::name)>(#name)

#define OPEN_LIKE(name)                                     \
  int name(const char* path, int flags, ...) {              \
    REAL(name);                                             \
    va_list more;                                           \
    va_start(more, flags);                                  \
    const mode_t mode = mode_in(flags, more);               \
    va_end(more);                                           \
    if (fails(changes(flags) && concerns(path))) return -1; \
    return next(path, flags, mode);                         \
  }

#define WRITE_LIKE(name, parameters, arguments, shorter)             \
  ssize_t name parameters {                                          \
    REAL(name);                                                      \
    const Fate fate = concerns(file) ? fate_of_next() : Fate::go_on; \
    if (fate == Fate::fail) return -1;                               \
    return fate == Fate::half ? next shorter : next arguments;       \
  }

#define CALL_LIKE(name, parameters, arguments, concerned) \
  int name parameters {                                   \
    REAL(name);                                           \
    if (fails(concerned)) return -1;                      \
    return next arguments;                                \
  }

extern "C" {

OPEN_LIKE(open)
OPEN_LIKE(open64)

WRITE_LIKE(write, (int file, const void* data, size_t size), (file, data, size), (file, data, (size + 1) / 2))
WRITE_LIKE(pwrite, (int file, const void* data, size_t size, off_t at), (file, data, size, at),
           (file, data, (size + 1) / 2, at))
WRITE_LIKE(pwrite64, (int file, const void* data, size_t size, off64_t at), (file, data, size, at),
           (file, data, (size + 1) / 2, at))
WRITE_LIKE(writev, (int file, const iovec* parts, int count), (file, parts, count),
           (file, parts, (count + 1) / 2))

WRITE_LIKE(copy_file_range, (int from, off64_t* from_at, int file, off64_t* at, size_t size, unsigned flags),
           (from, from_at, file, at, size, flags), (from, from_at, file, at, (size + 1) / 2, flags))

CALL_LIKE(fsync, (int file), (file), concerns(file))
CALL_LIKE(fdatasync, (int file), (file), concerns(file))
CALL_LIKE(ftruncate, (int file, off_t size), (file, size), concerns(file))
CALL_LIKE(ftruncate64, (int file, off64_t size), (file, size), concerns(file))
CALL_LIKE(fchmod, (int file, mode_t mode), (file, mode), concerns(file))
CALL_LIKE(chmod, (const char* path, mode_t mode), (path, mode), concerns(path))
CALL_LIKE(mkdir, (const char* path, mode_t mode), (path, mode), concerns(path))
CALL_LIKE(rmdir, (const char* path), (path), concerns(path))
CALL_LIKE(unlink, (const char* path), (path), concerns(path))
CALL_LIKE(remove, (const char* path), (path), concerns(path))
CALL_LIKE(link, (const char* from, const char* to), (from, to), concerns(to))
CALL_LIKE(symlink, (const char* target, const char* path), (target, path), concerns(path))
CALL_LIKE(rename, (const char* from, const char* to), (from, to), concerns(to))
CALL_LIKE(renameat2, (int in, const char* from, int out, const char* to, unsigned flags),
          (in, from, out, to, flags), concerns(to))
CALL_LIKE(unlinkat, (int folder, const char* path, int flags), (folder, path, flags), concerns(folder))

int clock_gettime(clockid_t which, timespec* time) {
  REAL(clock_gettime);
  const int result = next(which, time);
  if (result == 0 && which == CLOCK_REALTIME && plan().clock != nullptr) time->tv_sec += plan().clock->load();
  return result;
}

int gettimeofday(timeval* time, void* zone) {
  REAL(gettimeofday);
  const int result = next(time, zone);
  if (result == 0 && plan().clock != nullptr) time->tv_sec += plan().clock->load();
  return result;
}

time_t time(time_t* place) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (place != nullptr) *place = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
