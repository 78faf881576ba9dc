#include <CLI/CLI.hpp>
#include <memory>

#include "orchestrator/base/error.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/event_fields.h"
#include "orchestrator/report/text.h"
#include "orchestrator/store/approvals.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;
using store::InstanceRow;

struct ApproveOptions {
  std::string run, item, by, note;
};

// An item waits for approval where a stage has the parameter `item` and says whether it is approved.
std::vector<InstanceRow> items_of(Session& session, const std::string& run) {
  std::vector<InstanceRow> items;
  for (InstanceRow& row : session.ledger().instances(run)) {
    const auto checkpoint = session.ledger().checkpoint(row.key, row.checkpoint);
    if (checkpoint && checkpoint->metrics.contains("approved") && !report::text_of(row.with, "item").empty())
      items.push_back(std::move(row));
  }
  return items;
}

const InstanceRow& find_item(const std::vector<InstanceRow>& items, const ApproveOptions& options,
                             const std::string& run) {
  std::string names;
  for (const InstanceRow& row : items) {
    const std::string item = report::text_of(row.with, "item");
    if (row.id == options.item || item == options.item) return row;
    names += (names.empty() ? "" : ", ") + item;
  }
  throw Error(
      ErrorCode::not_found, run + " has no item \"" + options.item + "\" to approve",
      names.empty() ? "a workflow asks for one with the stage check/approval" : "its items are: " + names);
}

std::vector<std::string> digests_of(const InstanceRow& row) {
  std::vector<std::string> digests;
  for (const base::Json& input : row.inputs) digests.push_back(input.at("digest").get<std::string>());
  return digests;
}

int approve(Session& session, const ApproveOptions& options) {
  const std::string run = session.find_run(options.run).id;
  const std::vector<InstanceRow> items = items_of(session, run);
  const InstanceRow& row = find_item(items, options, run);
  session.writable_workspace();
  const store::ApprovalRow approval{run,
                                    report::text_of(row.with, "item"),
                                    options.by,
                                    options.note,
                                    digests_of(row),
                                    base::to_utc_string(session.clock().now())};
  store::Approvals(session.workspace().ledger()).put(approval);
  if (session.options().json) {
    session.output().json({{"run", run},
                           {"item", approval.item},
                           {"by", approval.person},
                           {"note", approval.note},
                           {"made", approval.made},
                           {"digests", approval.digests}});
  } else {
    session.output().line(report::printable(approval.item + " of " + run + " is approved by " +
                                            approval.person +
                                            "; `presswork run` of the same workflow takes it into account"));
  }
  return kOk;
}

}  // namespace

Verb approve_verb() {
  return {
      "approve", "Sign off what a run came to",
      "Records that a person approves ITEM of RUN: what is connected to a stage check/approval. It is about "
      "exactly those artifacts. Running the workflow again then passes the item; everything else is taken "
      "from the cache.",
      "  presswork approve r3 acceptance --by \"Ann Lee\" --note \"tried with our support questions\"",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<ApproveOptions>();
        app.add_option("RUN", options->run, "The run, like r3")->required()->type_name("");
        app.add_option("ITEM", options->item, "The item, or the stage that asks for it")
            ->required()
            ->type_name("");
        app.add_option("--by", options->by, "Who approves it")->required()->type_name("NAME");
        app.add_option("--note", options->note, "What they have to say about it")->type_name("TEXT");
        return [options](Session& session) { return approve(session, *options); };
      }};
}

}  // namespace presswork::cli
