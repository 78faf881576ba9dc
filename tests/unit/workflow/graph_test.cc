#include "orchestrator/report/graph.h"

#include <gtest/gtest.h>

namespace presswork::report {
namespace {

workflow::Workflow drawn() {
  return workflow::parse(R"yaml(presswork: 1
name: a "job"
params: {gb: {type: number, default: 1}}
stages:
  load: {uses: model/load}
  end: {decide: [{when: load.metrics.bytes > params.gb, then: yes}, {default: no}]}
  small: {uses: quantize/rtn, after: [end.yes], inputs: {model: load.model}}
  report:
    uses: report/summary
    after: [small, load]
    join: all_done
    inputs: {model: "first(small.model, load.model)", numbers: load.metrics}
    with: {title: "${{ first(small.metrics.ratio, 1) }} <x>"}
  last: {uses: x/y, after: report}
)yaml",
                         "job.yaml");
}

TEST(GraphTest, DrawsMermaid) {
  EXPECT_EQ(to_mermaid(drawn()), R"(flowchart TD
  n0["load<br/><small>model/load</small>"]
  n1{"end"}
  n2["small<br/><small>quantize/rtn</small>"]
  n3["report<br/><small>report/summary</small>"]
  n4["last<br/><small>x/y</small>"]
  n0 -.->|"bytes"| n1
  n0 -->|"model"| n2
  n1 -->|"yes"| n2
  n2 -->|"model"| n3
  n0 -->|"model, metrics"| n3
  n3 -.-> n4
)");
}

TEST(GraphTest, DrawsDot) {
  EXPECT_EQ(to_dot(drawn()), R"(digraph "a \"job\"" {
  node [shape=box, style=rounded, fontname="sans-serif"];
  edge [fontname="sans-serif", fontsize=10];
  n0 [label="load\nmodel/load"];
  n1 [label="end", shape=diamond, style=solid];
  n2 [label="small\nquantize/rtn"];
  n3 [label="report\nreport/summary"];
  n4 [label="last\nx/y"];
  n0 -> n1 [label="bytes", style=dashed];
  n0 -> n2 [label="model"];
  n1 -> n2 [label="yes"];
  n2 -> n3 [label="model"];
  n0 -> n3 [label="model, metrics"];
  n3 -> n4 [style=dashed];
}
)");
}

}  // namespace
}  // namespace presswork::report
