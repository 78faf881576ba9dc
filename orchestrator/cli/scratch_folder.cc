#include "orchestrator/cli/scratch_folder.h"

#include <stdlib.h>

#include <cerrno>
#include <string>

#include "orchestrator/base/error.h"

namespace presswork::cli {

ScratchFolder::ScratchFolder() {
  std::string name = "/tmp/presswork-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw base::system_error("create", name, errno);
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code error;
  if (!kept_) std::filesystem::remove_all(path_, error);
}

}  // namespace presswork::cli
