#include "orchestrator/store/approvals.h"

#include <sqlite3.h>

#include "orchestrator/base/json.h"

namespace presswork::store {

Approvals::Approvals(const std::filesystem::path& ledger) : db_(ledger.native(), SQLITE_OPEN_READWRITE) {
  db_.execute("PRAGMA synchronous = FULL");
}

void Approvals::put(const ApprovalRow& row) {
  auto query =
      db_.prepare("INSERT INTO approvals (run, item, person, note, digests, made) VALUES (?, ?, ?, ?, ?, ?)");
  query.bind(row.run).bind(row.item).bind(row.person).bind(row.note);
  query.bind(base::Json(row.digests).dump()).bind(row.made);
  query.step();
}

std::vector<ApprovalRow> Approvals::all() {
  std::vector<ApprovalRow> rows;
  auto query = db_.prepare("SELECT run, item, person, note, digests, made FROM approvals ORDER BY position");
  while (query.step()) {
    ApprovalRow row;
    row.run = query.text();
    row.item = query.text();
    row.person = query.text();
    row.note = query.text();
    row.digests = base::Json::parse(query.text()).get<std::vector<std::string>>();
    row.made = query.text();
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace presswork::store
