// Room that is kept for the ledger, so that garbage collection can forget on a full disk.
#pragma once

#include "orchestrator/store/workspace.h"

namespace presswork::store {

// Makes the workspace's file `reserve` when it is missing, where the disk has plenty of room.
void keep_reserve(const Workspace& workspace) noexcept;

// Gives its room back; nothing when there is none.
void release_reserve(const Workspace& workspace) noexcept;

}  // namespace presswork::store
