// The C++ comfort, as C++17: the oldest that plugin authors may use.
#include "presswork/stage.hpp"
#include "presswork/testing.hpp"

struct Nothing : presswork::Stage {
  static constexpr const char* id = "test/nothing";
  static presswork::Json describe() { return presswork::Json::object(); }
  void run(const presswork::Context&) override {}
};

PRESSWORK_PLUGIN("nothing", "1.0.0", Nothing);
