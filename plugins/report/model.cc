#include "plugins/report/model.h"

#include "plugins/report/advice.h"

namespace presswork::summary {

Json build_model(const Report& report, const Phrases& say) {
  using namespace sections;
  const RunFacts& facts = report.facts;
  const auto grade = overall(report.grades);
  return {
      {"presswork_report", 1},
      {"lang", say.language()},
      {"title", report.title.empty() ? say("Model compression report") : report.title},
      {"workflow", facts.workflow()},
      {"run", text_of(facts.evidence(), "run")},
      {"started", text_of(facts.evidence(), "started")},
      {"grade", grade ? code_of(*grade) : "not_measured"},
      {"summary", summary(report, say)},
      {"grades", grades(report)},
      {"effects", effects(report)},
      {"accuracy", accuracy(report)},
      {"evaluation_speedup", to_json(report.figures.evaluation_speedup)},
      {"steps", steps(report, say)},
      {"sizes", sizes(report)},
      {"decisions", decisions(report)},
      {"tree", tree(report)},
      {"strategies", strategies(report, say)},
      {"timeline", timeline(report)},
      {"tradeoff", tradeoff(report)},
      {"layer_errors", layer_errors(report)},
      {"output_errors", output_errors(report)},
      {"diagnostics", diagnostics(report)},
      {"sensitivity", sensitivity(report)},
      {"histograms", histograms(report)},
      {"checklists", checklists(report, say)},
      {"advice", deployment_advice(report.figures, say)},
      {"recommendations", recommendations(report, say)},
      {"hardware", hardware(report, say)},
      {"monitoring", monitoring_points(report.figures, say)},
      {"risks", {{"assessed", assessed_risks(report, say)}, {"found", risks(facts, report.figures, say)}}},
      {"predictions", predictions(report)},
      {"provenance", provenance(report)}};
}

}  // namespace presswork::summary
