#include "orchestrator/report/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <regex>

#include "orchestrator/report/layout.h"

namespace presswork::report {
namespace {

Drawing drawn() {
  return drawing_of(workflow::parse(R"yaml(presswork: 1
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
                                    "job.yaml"));
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
  node [shape=box, style="rounded,filled", fillcolor="#f2f4f6", fontname="sans-serif"];
  edge [fontname="sans-serif", fontsize=10];
  compound=true;
  n0 [label="load\nmodel/load"];
  n1 [label="end", shape=diamond, style=filled];
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

Drawing drawn_loops(const base::Json& params = {}) {
  return drawing_of(workflow::parse(R"yaml(presswork: 1
name: search
params: {sizes: {type: list, default: [32, 64, 128]}, most: {type: integer, default: 4}}
stages:
  load: {uses: model/load}
  quantize:
    uses: quantize/rtn
    inputs: {model: load.model}
    matrix: {bits: [4, 8], group_size: "${{ params.sizes }}", exclude: [{bits: 8, group_size: 32}]}
    with: {bits: "${{ matrix.bits }}"}
  measure: {uses: evaluate/perplexity, matrix: {from: quantize}, inputs: {model: quantize.model}}
  best: {select: {from: measure, minimize: measure.metrics.perplexity}}
  tune:
    loop:
      max: "${{ params.most }}"
      state: {rate: {type: number, initial: 0.5}, model: {type: artifact, initial: load.model}}
      body:
        prune: {uses: prune/magnitude, inputs: {model: state.model}, with: {rate: "${{ state.rate }}"}}
        check: {uses: evaluate/perplexity, inputs: {model: prune.model}}
      decide:
        - {when: check.metrics.perplexity > best.metrics.perplexity, then: break}
        - {default: continue, set: {rate: "${{ state.rate * 2 }}", model: prune.model}}
      outputs: {model: prune.model}
  report: {uses: report/summary, inputs: {model: tune.model}}
)yaml",
                                    "search.yaml"),
                    params);
}

std::string edge_list(const Drawing& drawing) {
  std::string text;
  for (const DrawnEdge& edge : drawing.edges)
    text += drawing.nodes[edge.from].id + (edge.solid ? " -> " : " .. ") + drawing.nodes[edge.to].id + "\n";
  return text;
}

// A loop in a loop beside a matrix.
Drawing with_frames() {
  Drawing drawing;
  drawing.title = "frames";
  const auto add = [&](const std::string& id, DrawnNode::Shape shape, std::size_t parent) {
    DrawnNode node;
    node.id = id;
    node.label = id.substr(id.rfind('/') + 1);
    node.shape = shape;
    node.parent = parent;
    if (shape == DrawnNode::Shape::stage) node.uses = "test/noop";
    return drawing.add(std::move(node));
  };
  using Shape = DrawnNode::Shape;
  const std::size_t load = add("load", Shape::stage, kNoNode);
  const std::size_t tune = add("tune", Shape::loop, kNoNode);
  const std::size_t quantize = add("tune/quantize", Shape::stage, tune);
  const std::size_t inner = add("tune/inner", Shape::loop, tune);
  const std::size_t train = add("tune/inner/train", Shape::stage, inner);
  const std::size_t test = add("tune/inner/test", Shape::stage, inner);
  const std::size_t enough = add("enough", Shape::decision, kNoNode);
  const std::size_t cells = add("cells", Shape::stage, kNoNode);
  drawing.nodes[tune].again = "at most 5";
  drawing.nodes[cells].stacked = true;
  drawing.nodes[cells].count = 6;
  drawing.edges = {{load, tune, true, "model"},      {load, quantize, true, "model"},
                   {quantize, train, true, "model"}, {train, test, true, "model"},
                   {tune, enough, false, "loss"},    {enough, cells, true, "yes", true},
                   {load, cells, true, "model"}};
  return drawing;
}

bool overlap(const Box& a, const Box& b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

bool contains(const Box& outer, const Box& inner) {
  return outer.x <= inner.x && outer.y <= inner.y && inner.x + inner.width <= outer.x + outer.width &&
         inner.y + inner.height <= outer.y + outer.height;
}

// What every layout owes its reader.
void check_layout(const Drawing& drawing, const Layout& layout) {
  const Box page{0, 0, layout.width, layout.height};
  for (std::size_t i = 0; i < drawing.nodes.size(); ++i) {
    const DrawnNode& node = drawing.nodes[i];
    EXPECT_TRUE(contains(page, layout.nodes[i])) << node.id;
    if (node.parent != kNoNode) {
      EXPECT_TRUE(contains(layout.nodes[node.parent], layout.nodes[i])) << node.id;
    }
    for (std::size_t j = i + 1; j < drawing.nodes.size(); ++j) {
      if (drawing.nodes[j].parent != node.parent) continue;
      EXPECT_FALSE(overlap(layout.nodes[i], layout.nodes[j])) << node.id << " and " << drawing.nodes[j].id;
    }
  }
  for (std::size_t i = 0; i < layout.edges.size(); ++i) {
    for (std::size_t k = 1; k < layout.edges[i].size(); ++k) {
      EXPECT_LE(layout.edges[i][k - 1].y, layout.edges[i][k].y + 0.01) << "edges run downwards";
    }
  }
}

TEST(WorkflowDrawing, HasTheBodiesOfLoopsAndOneNodeForEachMatrix) {
  const Drawing drawing = drawn_loops();
  const DrawnNode& tune = drawing.nodes[drawing.find("tune")];
  EXPECT_EQ(tune.shape, DrawnNode::Shape::loop);
  EXPECT_EQ(tune.again, "until check.metrics.perplexity > best.metrics…, at most 4");
  EXPECT_EQ(drawing.nodes[drawing.find("tune/check")].parent, drawing.find("tune"));
  for (const char* matrix : {"quantize", "measure"})
    EXPECT_EQ(drawing.nodes[drawing.find(matrix)].count, 5u) << "two by three, one excluded";
  const DrawnNode& best = drawing.nodes[drawing.find("best")];
  EXPECT_EQ(best.shape, DrawnNode::Shape::select);
  EXPECT_EQ(best.uses, "minimize measure.metrics.perplexity");
  EXPECT_EQ(edge_list(drawing),
            "load -> quantize\nquantize -> measure\nmeasure -> best\nload -> tune\nbest .. tune\n"
            "tune/prune -> tune/check\ntune -> report\n");
  check_layout(drawing, lay_out(drawing));
}

TEST(WorkflowDrawing, CountsTheCellsThatARunsParametersMake) {
  const Drawing drawing = drawn_loops({{"sizes", {32}}});
  EXPECT_EQ(drawing.nodes[drawing.find("quantize")].count, 1u);
  EXPECT_FALSE(drawing.nodes[drawing.find("quantize")].stacked);
}

TEST(Layout, KeepsNodesApartAndFramesAroundTheirBodies) {
  const Drawing drawing = with_frames();
  const Layout layout = lay_out(drawing);
  check_layout(drawing, layout);
  EXPECT_LT(layout.nodes[0].y, layout.nodes[1].y) << "needs lie above";
  EXPECT_LT(layout.nodes[1].y, layout.nodes[6].y);
  EXPECT_LT(layout.nodes[4].y, layout.nodes[5].y);
}

TEST(Layout, PutsTheLabelOfABranchBesideNothing) {
  const Drawing drawing = with_frames();
  const Layout layout = lay_out(drawing);
  const Point& at = layout.labels[5];
  const Box label{at.x - 10, at.y - 7, 20, 14};
  for (std::size_t i = 0; i < drawing.nodes.size(); ++i) EXPECT_FALSE(overlap(label, layout.nodes[i])) << i;
}

TEST(Layout, UntanglesATree) {
  Drawing drawing;
  for (int i = 0; i < 31; ++i) {
    DrawnNode node;
    node.id = node.label = "n" + std::to_string(i);
    drawing.add(std::move(node));
  }
  for (std::size_t i = 1; i < 31; ++i) drawing.edges.push_back({(i - 1) / 2, i});
  const Layout layout = lay_out(drawing);
  check_layout(drawing, layout);
  for (std::size_t i = 0; i < 15; ++i) {
    const auto middle = [&](std::size_t node) { return layout.nodes[node].x + layout.nodes[node].width / 2; };
    EXPECT_LT(middle(2 * i + 1), middle(2 * i + 2));
    EXPECT_NEAR(middle(i), (middle(2 * i + 1) + middle(2 * i + 2)) / 2, 1)
        << "parents lie over their children";
  }
}

TEST(Layout, IsAboutAsWideAsHighForAThousandNodes) {
  for (const bool connected : {false, true}) {
    Drawing drawing;
    for (int i = 0; i < 1000; ++i) {
      DrawnNode node;
      node.id = node.label = "stage_" + std::to_string(i);
      node.uses = "test/noop";
      drawing.add(std::move(node));
    }
    for (std::size_t i = 1; connected && i < 999; ++i) {
      drawing.edges.push_back({0, i});
      drawing.edges.push_back({i, 999});
    }
    const Layout layout = lay_out(drawing);
    EXPECT_LT(layout.width, 9000) << connected;
    EXPECT_LT(layout.height, 9000) << connected;
    check_layout(drawing, layout);
  }
}

TEST(Layout, ManagesCyclesEdgesToItselfAndNothing) {
  EXPECT_GE(lay_out(Drawing()).width, 0);
  Drawing drawing;
  for (const char* id : {"a", "b", "c"}) {
    DrawnNode node;
    node.id = node.label = id;
    drawing.add(std::move(node));
  }
  drawing.edges = {{0, 1}, {1, 2}, {2, 0}, {1, 1}};
  const Layout layout = lay_out(drawing);
  EXPECT_FALSE(overlap(layout.nodes[0], layout.nodes[1]));
  EXPECT_FALSE(overlap(layout.nodes[1], layout.nodes[2]));
}

TEST(CriticalPath, IsTheChainOfWorkThatTakesLongest) {
  Drawing drawing;
  const double seconds[] = {1, 5, 2, 3, 1};
  for (int i = 0; i < 5; ++i) {
    DrawnNode node;
    node.id = node.label = std::to_string(i);
    node.seconds = seconds[i];
    drawing.add(std::move(node));
  }
  drawing.edges = {{0, 1}, {0, 2}, {2, 3}, {1, 4}, {3, 4}};  // 0 1 4 takes 7, 0 2 3 4 takes 7 less
  drawing.nodes[3].seconds = 2;
  mark_critical_path(drawing);
  std::string path;
  for (const DrawnNode& node : drawing.nodes) path += node.critical ? node.id : "";
  EXPECT_EQ(path, "014");
  EXPECT_TRUE(drawing.edges[0].critical);
  EXPECT_FALSE(drawing.edges[1].critical);
}

store::InstanceRow row(const std::string& id, const std::string& uses, const std::string& state, int from,
                       int to) {
  store::InstanceRow row;
  row.run = "r1";
  row.id = id;
  row.uses = uses;
  row.state = state;
  row.kind = uses.empty() ? "decision" : "stage";
  const auto time = [](int second) {
    return "2026-11-22T07:36:" + std::string(second < 10 ? "0" : "") + std::to_string(second) + ".000Z";
  };
  if (from >= 0) row.started = time(from);
  if (to >= 0) row.ended = time(to);
  return row;
}

RunToDraw run_of_drawn() {
  RunToDraw run;
  run.run.id = "r1";
  run.run.workflow = "job";
  run.run.state = "running";
  run.run.started = "2026-11-22T07:36:00.000Z";
  run.now = "2026-11-22T07:36:30.000Z";
  run.instances = {row("load", "model/load", "cached", 0, 0), row("end", "", "succeeded", 1, 1),
                   row("small[bits=4]", "quantize/rtn", "succeeded", 1, 11),
                   row("small[bits=8]", "quantize/rtn", "running", 1, -1)};
  run.decisions = {{"r1", "end", "yes", {{"load.metrics.bytes", 12}}, ""}};
  return run;
}

TEST(RunDrawing, ShowsTheWorstOfManyInstancesAndCountsThem) {
  Drawing drawing = drawn();
  add_run(drawing, run_of_drawn());
  EXPECT_EQ(drawing.nodes[0].state, "cached");
  EXPECT_EQ(drawing.nodes[1].note, "yes");
  EXPECT_EQ(drawing.nodes[2].state, "running");
  EXPECT_EQ(drawing.nodes[2].count, 2u);
  EXPECT_DOUBLE_EQ(drawing.nodes[2].seconds, 29);
  EXPECT_EQ(drawing.nodes[3].state, "pending") << "the run has not come to it";
}

TEST(RunDrawing, ShowsTheTimeThatTheWorkItselfTook) {
  Drawing drawing = drawn();
  RunToDraw run = run_of_drawn();
  run.seconds = {{"load", 5}, {"small[bits=4]", 3}, {"small[bits=8]", 4}};
  run.instances.back().state = "succeeded";
  add_run(drawing, run);
  EXPECT_DOUBLE_EQ(drawing.nodes[0].seconds, 0) << "the cache had it";
  EXPECT_DOUBLE_EQ(drawing.nodes[2].seconds, 4);
}

TEST(RunDrawing, CountsNoTimeOfWhatWasInterruptedAtATimeThatNobodyKnows) {
  Drawing drawing = drawn();
  RunToDraw run = run_of_drawn();
  run.instances.back().state = "interrupted";
  add_run(drawing, run);
  EXPECT_EQ(drawing.nodes[2].state, "interrupted");
  EXPECT_DOUBLE_EQ(drawing.nodes[2].seconds, 10);
}

TEST(RunDrawing, AddsNodesForInstancesThatTheWorkflowDoesNotHave) {
  Drawing drawing = drawn();
  RunToDraw run = run_of_drawn();
  run.instances.push_back(row("tune[1]/step", "x/y", "failed", 1, 2));
  add_run(drawing, run);
  EXPECT_EQ(drawing.nodes.back().id, "tune/step");
  EXPECT_EQ(drawing.nodes.back().state, "failed");
}

TEST(RunDrawing, ShowsIterationsAsFramesWhenExpanded) {
  RunToDraw run = run_of_drawn();
  run.instances.push_back(row("tune", "", "running", 1, -1));
  run.instances.back().kind = "loop";
  run.instances.push_back(row("tune[1]/a", "x/y", "succeeded", 1, 2));
  run.instances.push_back(row("tune[2]/a", "x/y", "running", 2, -1));
  run.instances.back().inputs = {{"model", {{"instance", "tune[1]/a"}, {"output", "model"}}}};
  const Drawing drawing = drawing_of(run);
  const std::size_t tune = drawing.find("tune"), second = drawing.find("tune[2]"),
                    a = drawing.find("tune[2]/a");
  ASSERT_NE(second, kNoNode);
  EXPECT_EQ(drawing.nodes[second].parent, tune);
  EXPECT_EQ(drawing.nodes[a].parent, second);
  EXPECT_EQ(drawing.nodes[a].label, "a");
  EXPECT_EQ(drawing.nodes[drawing.find("small[bits=4]")].label, "small[bits=4]");
  check_layout(drawing, lay_out(drawing));
  ASSERT_EQ(drawing.edges.size(), 1u);
  EXPECT_EQ(drawing.edges[0].label, "model");
}

TEST(RunDrawing, SaysHowFarAMatrixAndALoopAreAndWhatWasChosen) {
  Drawing drawing = drawn_loops();
  RunToDraw run = run_of_drawn();
  run.decisions = {{"r1",
                    "best",
                    "measure[bits=4,group_size=64]",
                    {{"candidates", {{"measure[bits=4,group_size=64]", 20.5}}}},
                    ""}};
  run.instances = {row("quantize[bits=4,group_size=32]", "quantize/rtn", "succeeded", 0, 1),
                   row("quantize[bits=4,group_size=64]", "quantize/rtn", "running", 0, -1),
                   row("measure[bits=4,group_size=64]", "evaluate/perplexity", "failed", 0, 1),
                   row("measure[bits=8,group_size=64]", "evaluate/perplexity", "succeeded", 0, 1),
                   row("best", "", "succeeded", 2, 2),
                   row("tune", "", "running", 2, -1),
                   row("tune[1]/prune", "prune/magnitude", "succeeded", 2, 4),
                   row("tune[2]/prune", "prune/magnitude", "running", 4, -1)};
  run.instances[4].kind = "select";
  run.instances[5].kind = "loop";
  run.instances[7].needs = {"tune"};
  add_run(drawing, run);
  EXPECT_EQ(drawing.nodes[drawing.find("quantize")].note, "1 of 5 done");
  EXPECT_EQ(drawing.nodes[drawing.find("measure")].note, "1 of 5 failed");
  EXPECT_EQ(drawing.nodes[drawing.find("best")].note, "bits=4,group_size=64");
  EXPECT_EQ(drawing.nodes[drawing.find("tune")].note, "2 iterations, 28.0 s");
  EXPECT_EQ(drawing.nodes[drawing.find("tune/prune")].state, "running");
  EXPECT_EQ(drawing.nodes[drawing.find("tune/check")].state, "pending");
  const Drawing expanded = drawing_of(run);
  EXPECT_TRUE(expanded.edges.empty()) << "that an iteration needs its loop is told by the frame around it";
}

TEST(RunDrawing, FoldsAMatrixOfAThousandCellsIntoOneNode) {
  Drawing drawing = drawn_loops();
  RunToDraw run = run_of_drawn();
  run.instances.clear();
  for (int i = 0; i < 1000; ++i)
    run.instances.push_back(row("quantize[" + std::to_string(i) + "]", "quantize/rtn", "succeeded", 1, 2));
  const std::size_t before = drawing.nodes.size();
  add_run(drawing, run);
  EXPECT_EQ(drawing.nodes.size(), before);
  EXPECT_EQ(drawing.nodes[drawing.find("quantize")].count, 1000u);
  EXPECT_NE(to_svg(drawing).find("×1000"), std::string::npos);
}

TEST(Pictures, EscapeWhateverTheWorkflowSays) {
  Drawing drawing;
  DrawnNode node;
  node.id = node.label = "</script><img src=x onerror=alert(1)>\"']]><!--";
  node.uses = "a&b<c>";
  node.state = "failed";
  node.note = "<b>";
  node.details = {{"</dt><script>", "</script><script>alert(1)</script>"}};
  drawing.title = "<title>\"&";
  drawing.subtitle = "<h1>";
  drawing.add(node);
  drawing.add(node);
  drawing.edges = {{0, 1, true, "<edge>\"", true}};
  const std::string page = to_html(drawing);
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_EQ(page.find("<h1><"), std::string::npos);
  EXPECT_EQ(page.find("<edge>"), std::string::npos);
  EXPECT_EQ(page.find("<c>"), std::string::npos);
  std::size_t scripts = 0;
  for (std::size_t at = 0; (at = page.find("<script", at)) != std::string::npos; ++at) ++scripts;
  EXPECT_EQ(scripts, 2u) << "ours";
  EXPECT_EQ(to_svg(drawing).find("<b>"), std::string::npos);
  EXPECT_EQ(to_mermaid(drawing).find("<img"), std::string::npos);
}

TEST(Pictures, LoadNothingFromElsewhere) {
  const std::string page = to_html(with_frames());
  for (const char* word : {"src=", "href=", "@import", "url(h", "//cdn", "fetch("})
    EXPECT_EQ(page.find(word), std::string::npos) << word;
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  const std::regex address("https?://(?!www\\.w3\\.org/2000/svg)");
  EXPECT_FALSE(std::regex_search(page, address));
}

TEST(Pictures, AreWellFormedXmlWithAccessibleTitles) {
  const std::string svg = to_svg(with_frames());
  std::vector<std::string> open;
  const std::regex tag("<(/?)([a-zA-Z]+)([^<>]*?)(/?)>");
  for (auto it = std::sregex_iterator(svg.begin(), svg.end(), tag); it != std::sregex_iterator(); ++it) {
    if ((*it)[4].length() > 0) continue;
    if ((*it)[1].length() == 0) {
      open.push_back((*it)[2]);
    } else {
      ASSERT_FALSE(open.empty());
      EXPECT_EQ(open.back(), (*it)[2]);
      open.pop_back();
    }
  }
  EXPECT_TRUE(open.empty());
  EXPECT_NE(svg.find("<title id=\"graph-title\">frames</title>"), std::string::npos);
  EXPECT_NE(svg.find("<title>tune/inner/train\ntest/noop</title>"), std::string::npos);
  EXPECT_NE(svg.find("×6"), std::string::npos);
  EXPECT_NE(svg.find("prefers-color-scheme:dark"), std::string::npos);
}

}  // namespace
}  // namespace presswork::report
