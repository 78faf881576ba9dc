#include "plugins/modelkit/analyze/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/child.h"

namespace presswork::modelkit {
namespace {

using ::testing::ElementsAre;
namespace fs = std::filesystem;

class MachineTest : public ::testing::Test {
 protected:
  MachineTest() {
    fs::remove_all(root);
    file("proc/cpuinfo",
         "processor : 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu avx2 fma avx512_vnni sse\n");
    file("proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\n");
    const std::string cache = "sys/devices/system/cpu/cpu0/cache/";
    for (const auto& [index, level, type, size] : {std::tuple{"index0/", "1", "Data", "32K"},
                                                   {"index1/", "1", "Instruction", "32K"},
                                                   {"index2/", "2", "Unified", "2M"}}) {
      file(cache + index + "level", level);
      file(cache + index + "type", type);
      file(cache + index + "size", size);
    }
  }
  void file(const std::string& path, const std::string& text) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
  fs::path root = presswork::testing::process_folder() / "machine";
};

TEST_F(MachineTest, IsReadFromProcAndSys) {
  file("proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ: 1\n");
  const Machine machine = read_machine(root);
  EXPECT_EQ(machine.cpu, "Some CPU @ 2 GHz");
  EXPECT_GE(machine.cores, 1u);
  EXPECT_THAT(machine.simd, ElementsAre("avx2", "fma", "avx512_vnni"));
  EXPECT_TRUE(machine.has("fma"));
  EXPECT_FALSE(machine.has("avx512f"));
  EXPECT_EQ(machine.memory_bytes, 16u << 20);
  EXPECT_EQ(machine.available_bytes, 8u << 20);
  EXPECT_EQ(machine.caches, (std::map<std::string, std::uint64_t>{{"L1 data", 32 << 10}, {"L2", 2 << 20}}));
  EXPECT_THAT(machine.gpus, ElementsAre("NVIDIA H100 80GB HBM3"));
}

TEST_F(MachineTest, HasNoMoreMemoryThanItsControlGroup) {
  file("sys/fs/cgroup/memory.max", "4194304\n");
  EXPECT_EQ(read_machine(root).memory_bytes, 4u << 20);
  EXPECT_EQ(read_machine(root).available_bytes, 4u << 20);
  file("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(read_machine(root).memory_bytes, 16u << 20);
}

TEST_F(MachineTest, LeavesOutWhatIsNotThere) {
  const Machine machine = read_machine(root / "nowhere");
  EXPECT_TRUE(machine.cpu.empty());
  EXPECT_EQ(machine.memory_bytes, 0u);
  EXPECT_TRUE(machine.gpus.empty());
}

TEST_F(MachineTest, ReadsItsMemoryAtSomeSpeed) { EXPECT_GT(measure_read_bandwidth(1, 4u << 20), 1e6); }

}  // namespace
}  // namespace presswork::modelkit
