// A workflow in, the exact text of the error out.
#include <gtest/gtest.h>

#include "orchestrator/workflow/workflow.h"
#include "unit/workflow/stages.h"

namespace presswork::testing {
namespace {

struct Faulty {
  const char* name;
  const char* yaml;      // after "presswork: 1" and "name: job"
  const char* expected;  // the first line of `yaml` is line 3
};

// Names start a test's name; they must be identifiers.
std::ostream& operator<<(std::ostream& out, const Faulty& faulty) { return out << faulty.name; }

class ErrorsTest : public ::testing::TestWithParam<Faulty> {};

TEST_P(ErrorsTest, ShowsThePlaceAndWhatWasExpected) {
  try {
    const auto workflow =
        workflow::parse(std::string("presswork: 1\nname: job\n") + GetParam().yaml, "job.yaml");
    workflow::check(workflow, Stages());
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::ErrorCode::invalid_workflow);
    EXPECT_EQ(base::render(error), GetParam().expected);
  }
}

const Faulty faulty[] = {
    {"UnknownKey",
     R"(stages:
  load: {uses: model/load, wiht: {path: m}}
)",
     R"(job.yaml:4:28: error: unknown key "wiht" in stages.load
  4 |   load: {uses: model/load, wiht: {path: m}}
    |                            ^
  hint: did you mean "with"?
)"},
    {"LoopWithoutABody",
     R"(stages:
  tune: {loop: {max: 3, decide: [{default: break}]}}
)",
     R"(job.yaml:4:10: error: stages.tune.loop needs the key "body"
  4 |   tune: {loop: {max: 3, decide: [{default: break}]}}
    |          ^
)"},
    {"ATimeWithoutAUnit",
     R"(stages:
  load: {uses: model/load, with: {path: m}, timeout: 5}
)",
     R"(job.yaml:4:54: error: stages.load.timeout must be a text, not the number 5
  4 |   load: {uses: model/load, with: {path: m}, timeout: 5}
    |                                                      ^
  hint: write a length of time with its unit, for example 90s
)"},
    {"UnknownStage",
     R"(stages:
  load: {uses: model/laod, with: {path: m}}
)",
     R"(job.yaml:4:16: error: there is no stage "model/laod"
  4 |   load: {uses: model/laod, with: {path: m}}
    |                ^
  hint: did you mean "model/load"? "presswork plugins" lists them
)"},
    {"UnknownNode",
     R"(stages:
  load: {uses: model/load, with: {path: m}}
  small:
    uses: quantize/rtn
    inputs:
      model: laod.model
)",
     R"(job.yaml:8:14: error: there is no node "laod"
  8 |       model: laod.model
    |              ^
  hint: did you mean "load"?
)"},
    {"UnknownOutput",
     R"(stages:
  load: {uses: model/load, with: {path: m}}
  small: {uses: quantize/rtn, inputs: {model: load.modle}}
)",
     R"(job.yaml:5:47: error: "load" (model/load) has no output "modle"
  5 |   small: {uses: quantize/rtn, inputs: {model: load.modle}}
    |                                               ^
  hint: did you mean "model"?
)"},
    {"Cycle",
     R"(stages:
  a: {uses: quantize/rtn, inputs: {model: c.model}}
  b: {uses: quantize/rtn, inputs: {model: a.model}}
  c: {uses: quantize/rtn, inputs: {model: b.model}}
)",
     R"(job.yaml:4:3: error: these nodes wait for each other: a → b → c → a
  4 |   a: {uses: quantize/rtn, inputs: {model: c.model}}
    |   ^
  hint: remove one of the edges; they come from "inputs", "after" and the names in expressions
)"},
    {"TypeMismatch",
     R"(stages:
  load: {uses: model/load, with: {path: m}}
  analyze: {uses: analyze/model, inputs: {model: load.model}}
  small: {uses: quantize/rtn, inputs: {model: analyze.analysis}}
)",
     R"(job.yaml:6:47: error: analyze.analysis is of type analysis, but the input "model" of quantize/rtn takes model
  6 |   small: {uses: quantize/rtn, inputs: {model: analyze.analysis}}
    |                                               ^
  hint: of type model there is: load.model, small.model
)"},
    {"UnknownParameterOfAStage",
     R"(stages:
  load: {uses: model/load, with: {path: m}}
  small:
    uses: quantize/rtn
    inputs: {model: load.model}
    with: {bit: 4}
)",
     R"(job.yaml:8:12: error: quantize/rtn has no parameter "bit"
  8 |     with: {bit: 4}
    |            ^
  hint: did you mean "bits"?
)"},
    {"MissingParameterOfAStage",
     R"(stages:
  load: {uses: model/load}
)",
     R"(job.yaml:4:16: error: model/load needs the parameter "path"
  4 |   load: {uses: model/load}
    |                ^
  hint: add "with: {path: …}"
)"},
    {"MissingInput",
     R"(stages:
  load: {uses: model/load, with: {path: m}}
  small: {uses: quantize/rtn}
)",
     R"(job.yaml:5:17: error: quantize/rtn needs the input "model" (model)
  5 |   small: {uses: quantize/rtn}
    |                 ^
  hint: of type model there is: load.model
)"},
    {"UnknownInput",
     R"(stages:
  load: {uses: model/load, with: {path: m}}
  small: {uses: quantize/rtn, inputs: {modle: load.model}}
)",
     R"(job.yaml:5:40: error: quantize/rtn has no input "modle"
  5 |   small: {uses: quantize/rtn, inputs: {modle: load.model}}
    |                                        ^
  hint: did you mean "model"?
)"},
    {"UnknownMetric",
     R"(stages:
  load: {uses: model/load, with: {path: m}}
  big:
    decide:
      - {when: "load.metrics.byte > 1000", then: "yes"}
      - {default: "no"}
)",
     R"(job.yaml:7:17: error: model/load has no metric "byte"
  7 |       - {when: "load.metrics.byte > 1000", then: "yes"}
    |                 ^
  hint: did you mean "bytes"?
)"},
    {"ConditionThatIsNoBoolean",
     R"(stages:
  load: {uses: model/load, with: {path: m}}
  big: {decide: [{when: load.metrics.bytes, then: "yes"}, {default: "no"}]}
)",
     R"(job.yaml:5:25: error: "when" must be true or false; this is an integer
  5 |   big: {decide: [{when: load.metrics.bytes, then: "yes"}, {default: "no"}]}
    |                         ^
  hint: compare it with something: load.metrics.bytes > 0
)"},
    {"OperandsOfTheWrongType",
     R"(stages:
  load: {uses: model/load, with: {path: m}}
checklist:
  - {title: Small, check: "load.metrics.bytes < 'x'"}
)",
     R"(job.yaml:6:47: error: "<" takes two numbers or two texts, not an integer and a text
  6 |   - {title: Small, check: "load.metrics.bytes < 'x'"}
    |                                               ^
)"},
    {"SyntaxOfAnExpression",
     R"(stages:
  load: {uses: model/load, with: {path: "模型/${{ params.model + }}"}}
)",
     R"(job.yaml:4:63: error: expected a value, got the end of the expression
  4 |   load: {uses: model/load, with: {path: "模型/${{ params.model + }}"}}
    |                                                               ^
)"},
    {"UnknownParameter",
     R"(params: {model: {type: path, default: m}}
stages:
  load: {uses: model/load, with: {path: "${{ params.modle }}"}}
)",
     R"(job.yaml:5:46: error: there is no parameter "modle"
  5 |   load: {uses: model/load, with: {path: "${{ params.modle }}"}}
    |                                              ^
  hint: did you mean "model"?
)"},
    {"ExpressionOfTheWrongTypeForAParameter",
     R"(params: {ratio: {type: number, default: 4}}
stages:
  load: {uses: model/load, with: {path: m}}
  small: {uses: quantize/rtn, inputs: {model: load.model}, with: {group_size: "${{ params.ratio }}"}}
)",
     R"(job.yaml:6:84: error: the parameter "group_size" of quantize/rtn takes integer, but this is a number
  6 |   small: {uses: quantize/rtn, inputs: {model: load.model}, with: {group_size: "${{ params.ratio }}"}}
    |                                                                                    ^
  hint: int(x) and round(x) make an integer of a number
)"},
    {"UnknownBranch",
     R"(stages:
  load: {uses: model/load, with: {path: m}}
  big: {decide: [{when: "load.metrics.bytes > 10", then: "yes"}, {default: "no"}]}
  small: {uses: quantize/rtn, after: [big.yess], inputs: {model: load.model}}
)",
     R"(job.yaml:6:39: error: the decision "big" has no branch "yess"
  6 |   small: {uses: quantize/rtn, after: [big.yess], inputs: {model: load.model}}
    |                                       ^
  hint: did you mean "yes"?
)"},
    {"NeitherStageNorDecision",
     R"(stages:
  load: {description: nothing}
)",
     R"(job.yaml:4:3: error: "load" does nothing
  4 |   load: {description: nothing}
    |   ^
  hint: add "uses: …" to make it a stage, or "decide: …" to make it a decision
)"},
    {"SeveralInTheOrderOfTheFile",
     R"(stages:
  small: {uses: quantize/rtn, inputs: {model: load.model}, timeout: soon}
  load-it: {uses: model/load}
)",
     R"(job.yaml:4:47: error: there is no node "load"
  4 |   small: {uses: quantize/rtn, inputs: {model: load.model}, timeout: soon}
    |                                               ^
  hint: did you mean "load-it"?
job.yaml:4:69: error: "soon" is no length of time
  4 |   small: {uses: quantize/rtn, inputs: {model: load.model}, timeout: soon}
    |                                                                     ^
  hint: write a number and ms, s, m, h or d, for example 90s or 1.5h
job.yaml:5:3: error: "load-it" cannot be the name of a node
  5 |   load-it: {uses: model/load}
    |   ^
  hint: names are letters, digits and _, for example "load_it"
)"},
    {"ReadingWhatMayBeSkipped",
     R"(stages:
  load: {uses: model/load, with: {path: m}}
  big: {decide: [{when: "load.metrics.bytes > 10", then: "yes"}, {default: "no"}]}
  small: {uses: quantize/rtn, after: [big.yes], inputs: {model: load.model}}
  analyze: {uses: analyze/model, inputs: {model: small.model}}
)",
     R"(job.yaml:7:50: error: "analyze" reads small.model, but "small" runs only after big.yes
  7 |   analyze: {uses: analyze/model, inputs: {model: small.model}}
    |                                                  ^
  hint: add "after: [small]", so that it is skipped together with "small", or read it through first(small.model, …)
)"},
    {"KeyGivenTwice",
     R"(stages:
  load: {uses: model/load}
  load: {uses: data/text}
)",
     R"(job.yaml:5:3: error: the key "load" is given twice
  5 |   load: {uses: data/text}
    |   ^
  hint: the first one is in line 4; keep one of the two
)"},
};

INSTANTIATE_TEST_SUITE_P(All, ErrorsTest, ::testing::ValuesIn(faulty),
                         [](const auto& tested) { return std::string(tested.param.name); });

// These messages hold words of base::validate().
TEST(SchemaErrorsTest, ShowTheValueAtFault) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"stages: {load: {uses: model/load, with: {path: 5}}}\n", "job.yaml:3:48"},
      {"stages: {load: {uses: 5}}\n", "job.yaml:3:23"},
      {"stages: {load: {uses: a/b, retry: {attempts: 0}}}\n", "job.yaml:3:46"},
      {"stages: {load: {uses: a/b, retry: {backoff: 1s}}}\n", "job.yaml:3:28"},
      {"stages: {load: {uses: a/b, join: al_success}}\n", "job.yaml:3:34"},
      {"params: {x: {type: text}}\nstages: {load: {uses: a/b}}\n", "job.yaml:3:20"},
      {"params: {x: {default: 1}}\nstages: {load: {uses: a/b}}\n", "job.yaml:3:10"},
      {"params: {x: {type: integer, default: many}}\nstages: {load: {uses: a/b}}\n", "job.yaml:3:38"},
      {"params: {x: {type: integer, minimum: 2, default: 1}}\nstages: {load: {uses: a/b}}\n",
       "job.yaml:3:50"},
      {"stages: []\n", "job.yaml:3:9"},
  };
  for (const auto& [yaml, place] : cases) {
    try {
      workflow::check(workflow::parse("presswork: 1\nname: job\n" + yaml, "job.yaml"), Stages());
      ADD_FAILURE() << yaml << "is no error";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.where.to_string(), place) << yaml << error.message;
    }
  }
}

TEST(SchemaErrorsTest, NameTheVersionThatIsRead) {
  try {
    workflow::parse("presswork: 2\nname: job\nstages: {a: {uses: b/c}}\n", "job.yaml");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(base::render(error),
              "job.yaml:1:12: error: this program reads version 1 of the workflow language\n"
              "  1 | presswork: 2\n"
              "    |            ^\n"
              "  hint: write \"presswork: 1\"\n");
  }
}

TEST(FaultsTest, OfAllKindsAreShownAtOnceAndEachOnce) {
  const std::string yaml = R"(presswork: 1
name: job
stages:
  load: {uses: model/load, with: {path: m}, note: x}
  quantize: {uses: quantize/rtm, inputs: {model: loda.model}}
  again: {uses: quantize/rtn, inputs: {model: load.model}, with: {bits: "${{ params.bits }}"}}
)";
  workflow::Faults faults;
  const auto read = workflow::parse(yaml, "job.yaml", faults);
  ASSERT_TRUE(read);
  workflow::check(*read, Stages(), faults);
  std::vector<std::string> messages;
  try {
    faults.throw_if_any();
  } catch (const base::Error& error) {
    messages.push_back(error.message);
    for (const base::Error& other : error.others) messages.push_back(other.message);
  }
  EXPECT_EQ(messages, (std::vector<std::string>{
                          "unknown key \"note\" in stages.load", "there is no stage \"quantize/rtm\"",
                          "there is no node \"loda\"", "there is no parameter \"bits\""}));
}

// "LINE:COLUMN message" of all that is wrong with it once its parameters have their defaults.
std::vector<std::string> faults_of_values(const std::string& yaml) {
  workflow::Faults faults;
  const auto read = workflow::parse("presswork: 1\nname: job\n" + yaml, "job.yaml", faults);
  if (read) {
    workflow::check(*read, Stages(), faults);
    workflow::check_values(*read, Stages(), workflow::default_params(*read), faults);
  }
  std::vector<std::string> all;
  const auto add = [&](const base::Error& error) {
    all.push_back(std::to_string(error.where.line) + ":" + std::to_string(error.where.column) + " " +
                  error.message);
  };
  try {
    faults.throw_if_any();
  } catch (const base::Error& error) {
    add(error);
    for (const base::Error& other : error.others) add(other);
  }
  return all;
}

TEST(ValueFaultsTest, OfAMatrixAreAllShown) {
  EXPECT_EQ(faults_of_values(R"(params: {l: {type: list, default: [1, [2]]}, o: {type: list, default: []}}
stages:
  a: {uses: report/summary, matrix: {n: [2, 2], m: [1, [2]]}}
  b: {uses: report/summary, matrix: {n: [1], exclude: [{n: 1}]}}
  c: {uses: report/summary, matrix: {n: [1, 2], exclude: [{z: 1}, {n: 5}], include: [{n: 1}, {x: 3}]}}
  d: {uses: report/summary, matrix: {include: [{n: 1, m: 1}, {n: 2}, {n: {x: 1}, m: 2}]}}
  e: {uses: report/summary, matrix: {n: "${{ params.l }}", m: "${{ params.o }}"}}
)"),
            (std::vector<std::string>{
                "5:45 the matrix value \"n\" has 2 twice",
                "5:56 the matrix value \"m\": [2] is no number, text or boolean",
                "6:37 the exclusions leave nothing of the matrix",
                "7:59 the matrix has no value \"z\"",
                "7:67 this exclusion matches no combination of the matrix",
                "7:86 the matrix has the combination {\"n\":1} twice",
                "7:94 the matrix has no value \"x\"",
                "7:94 this combination lacks a value for \"n\"",
                "8:62 this combination lacks a value for \"m\"",
                "8:70 the matrix value \"n\": {\"x\":1} is no number, text or boolean",
                "9:41 the matrix value \"n\": [2] is no number, text or boolean",
                "9:63 the matrix value \"m\" needs a list with something in it",
            }));
}

TEST(ValueFaultsTest, OfParametersAreFoundInTheFirstCellThatHasThem) {
  EXPECT_EQ(faults_of_values(R"(params:
  bits: {type: integer, default: 3}
  given: {type: integer}
stages:
  load: {uses: model/load, with: {path: m}}
  a: {uses: quantize/rtn, matrix: {n: [4, x, y]}, inputs: {model: load.model}, with: {bits: "${{ matrix.n }}"}}
  b: {uses: quantize/rtn, inputs: {model: load.model}, with: {bits: "${{ params.bits }}"}}
  c: {uses: quantize/rtn, inputs: {model: load.model}, with: {bits: "${{ params.given }}"}}
  t:
    loop:
      max: 2
      body: {q: {uses: quantize/rtn, inputs: {model: load.model}, with: {bits: "${{ int(8 / (params.bits - 3)) }}"}}}
      decide: [{default: break}]
)"),
            (std::vector<std::string>{
                "8:98 the parameter \"bits\" of quantize/rtn must be an integer, not the text \"x\", in the "
                "matrix's {\"n\":\"x\"}",
                "9:74 the parameter \"bits\" of quantize/rtn must be 4 or 8, not 3",
                "14:91 division by zero",
            }));
}

TEST(ValueFaultsTest, OfWhatIsConstantNeedNoStages) {
  EXPECT_EQ(faults_of_values(R"(stages:
  a: {uses: no/such, with: {v: "${{ 1 / 0 }}", w: "${{ 1 / 2 }}"}}
  d: {decide: [{when: "[1][2] > 1", then: x}, {default: y}]}
checklist: [{title: T, check: "int('x') > 1"}]
)"),
            (std::vector<std::string>{
                "4:13 there is no stage \"no/such\"",
                "4:39 division by zero",
                "5:27 the list has 1 items, and no item 2",
                "6:32 the text \"x\" is not a number",
            }));
}

TEST(ValueFaultsTest, OfALoopsMax) {
  EXPECT_EQ(
      faults_of_values(R"(params: {s: {type: string}, n: {type: integer, default: 0}, x: {type: integer}}
stages:
  a: {loop: {max: "${{ params.s }}", body: {q: {uses: report/summary}}, decide: [{default: break}]}}
  b: {loop: {max: "${{ params.n }}", body: {r: {uses: report/summary}}, decide: [{default: break}]}}
  c: {loop: {max: "${{ params.x }}", body: {u: {uses: report/summary}}, decide: [{default: break}]}}
  d: {loop: {max: "4", body: {v: {uses: report/summary}}, decide: [{default: break}]}}
)"),
      (std::vector<std::string>{
          "5:24 \"max\" takes an integer; this is a text",
          "6:19 \"max\" is 0",
          "8:19 \"max\" is \"4\"",
      }));
}

TEST(FaultsTest, WhatDoesNotFitTheSchemaIsNotReadFurther) {
  workflow::Faults faults;
  EXPECT_FALSE(workflow::parse("presswork: 1\nname: job\nstages: {a: {uses: 5}}\n", "job.yaml", faults));
  EXPECT_FALSE(faults.empty());
}

TEST(FaultsTest, AfterTwentyOnlyTheNumberOfTheRestIsSaid) {
  std::string yaml = "presswork: 1\nname: job\nstages:\n";
  for (int i = 0; i < 30; ++i) yaml += "  n" + std::to_string(i) + ": {uses: model/none}\n";
  try {
    workflow::check(workflow::parse(yaml, "job.yaml"), Stages());
    FAIL();
  } catch (const base::Error& error) {
    ASSERT_EQ(error.others.size(), 20u);
    EXPECT_EQ(error.others.back().message, "and 10 more");
  }
}

}  // namespace
}  // namespace presswork::testing
