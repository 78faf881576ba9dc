// People's sign-offs, in the ledger's database. An approval holds for exactly the artifacts that were to be
// signed: another result needs another one.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/store/sqlite.h"

namespace presswork::store {

struct ApprovalRow {
  std::string run, item;             // as the person named them: "r3", "acceptance"
  std::string person, note;          // who, and what they had to say
  std::vector<std::string> digests;  // of the artifacts that it is about
  std::string made;                  // UTC
};

class Approvals {
 public:
  // `ledger` is a ledger of this version: Ledger::open() comes before.
  explicit Approvals(const std::filesystem::path& ledger);

  void put(const ApprovalRow& row);  // durable when it returns
  std::vector<ApprovalRow> all();    // in the order in which they were given

 private:
  sqlite::Connection db_;
};

}  // namespace presswork::store
