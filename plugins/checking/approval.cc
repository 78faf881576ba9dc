#include "plugins/checking/approval.h"

#include <algorithm>

#include "plugins/checking/gates.h"
#include "plugins/modelkit/formats/safetensors_writer.h"

namespace presswork {

using namespace checking;
using modelkit::Message;

namespace {

std::vector<std::string> digests_of(const Json& inputs) {
  std::vector<std::string> digests;
  for (const Json& input : inputs) digests.push_back(input.at("digest").get<std::string>());
  std::sort(digests.begin(), digests.end());
  return digests;
}

// The latest approval of `item` for exactly these artifacts, or null.
Json find_approval(const Json& facts, const std::string& item, const std::vector<std::string>& digests) {
  Json found;
  for (const Json& approval : facts.value("approvals", Json::array())) {
    auto about = approval.at("digests").get<std::vector<std::string>>();
    std::sort(about.begin(), about.end());
    if (approval.at("item") == item && about == digests) found = approval;
  }
  return found;
}

Message signed_by(const Json& approval) {
  const auto told = [&](const char* key) { return Message::verbatim(approval.at(key)); };
  if (told("note").empty()) return Message("approved by {0}, {1}", {told("by"), told("made")});
  return Message("approved by {0}, {1}: {2}", {told("by"), told("made"), told("note")});
}

}  // namespace

Json CheckApproval::describe() {
  return Json::parse(R"json({
    "title": "Wait for a person's sign-off",
    "description": "Passes once a person has approved what is connected, with `presswork approve RUN ITEM --by NAME`; until then the item is open. An approval is about exactly the artifacts that are connected: another result needs another one. The stage does not wait: after the approval, run the workflow again, and only what depends on it runs anew. To hold a run back, put its metric approved into the workflow's checklist or into a decision.",
    "parameters": {
      "type": "object",
      "additionalProperties": false,
      "required": ["item"],
      "properties": {
        "item": {"type": "string", "minLength": 1, "maxLength": 100, "description": "What the person names: acceptance."},
        "title": {"type": "string", "default": "", "description": "What they sign, as a sentence; empty: the item's name."},
        "required": {"type": "boolean", "default": true, "description": "Whether an open item counts against the metric ok."}
      }
    },
    "inputs": {},
    "additional_inputs": {"type": "any"},
    "outputs": {"approval": {"type": "approval", "description": "The item with its state, who signed it, when, and their note, as JSON."}},
    "metrics": {
      "approved": {"type": "boolean", "headline": true, "description": "A person has signed it."},
      "ok": {"type": "boolean", "description": "It is signed, or need not be."},
      "by": {"type": "string", "description": "Who signed it."},
      "note": {"type": "string", "description": "What they had to say."}
    },
    "cacheable": true,
    "reads_run": true
  })json");
}

void CheckApproval::run(const Context& context) {
  const auto item = context.parameter<std::string>("item"), title = context.parameter<std::string>("title");
  const Json inputs = context.inputs();
  if (inputs.empty())
    throw Error("invalid_input", "nothing is connected that could be approved", "inputs",
                "connect the model, or its evidence, under inputs:");
  const Json approval = find_approval(context.run_facts(), item, digests_of(inputs));
  const bool approved = !approval.is_null();
  const Gate gate{item, "approval", Message::verbatim(title.empty() ? item : title),
                  approved ? State::pass : State::not_run,
                  approved ? signed_by(approval)
                           : Message("open: presswork approve RUN {0} --by NAME", {Message::verbatim(item)})};
  const auto path = context.work_dir() / "approval.json";
  const Json document = {{"presswork_checklist", 1}, {"items", {to_json(gate)}}};
  modelkit::write_file_atomically(path, document.dump(2) + "\n");
  context.output("approval", path);
  context.metric("approved", approved);
  context.metric("ok", approved || !context.parameter<bool>("required"));
  if (!approved) return;
  context.metric("by", approval.at("by"));
  context.metric("note", approval.at("note"));
}

}  // namespace presswork
