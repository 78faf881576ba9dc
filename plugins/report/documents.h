// The files that stages of the run left for others to read: analysis, strategy, checklists. Recognised by
// what they say of themselves; each is checked before it is believed, and one that is broken counts as
// absent.
#pragma once

#include <string>
#include <vector>

#include "plugins/report/run_facts.h"

namespace presswork::summary {

struct Document {
  std::string instance, type;  // "analyze", "analysis"
  Json content;
};

class Documents {
 public:
  // Of all outputs that `facts` names with a path in its evidence.
  explicit Documents(const RunFacts& facts);

  // Null when there is none. The first analysis is that of the original; the last strategy the one in force.
  const Json& first(const std::string& type) const;
  const Json& last(const std::string& type) const;
  const std::vector<Document>& all() const { return all_; }

 private:
  std::vector<Document> all_;
};

}  // namespace presswork::summary
