// evaluate/accuracy: how often a model picks the right answer.
#include "plugins/evaluation/text_options.h"
#include "plugins/modelkit/evaluate/choice_accuracy.h"
#include "plugins/modelkit/formats/safetensors_writer.h"

namespace presswork {

using namespace modelkit;

class EvaluateAccuracy : public Stage {
 public:
  static constexpr const char* id = "evaluate/accuracy";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Measure accuracy on questions",
      "description": "Asks multiple-choice questions: of each, the choice whose tokens are the likeliest after the context is the model's answer. Tokens, scores and errors are those of the Language Model Evaluation Harness (lm-eval) for tasks of the kind multiple_choice: acc is accuracy, acc_norm is accuracy_norm. Reads dense and quantized folders, one layer at a time.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "required": ["questions"],
        "properties": {
          "questions": {"type": "string", "format": "input-path", "description": "JSON Lines, on each line {\"context\": \"...\", \"choices\": [\"...\", \"...\"], \"answer\": 0}; answer counts from 0."},
          "delimiter": {"type": "string", "default": " ", "description": "Stands between context and choice. Empty for languages without spaces."},
          "limit": {"type": "integer", "minimum": 0, "default": 0, "description": "Only so many questions, the first ones; 0: all."}
        }
      },
      "inputs": {"model": {"type": "model", "required": true, "description": "Hugging Face model folder."}},
      "outputs": {"answers": {"type": "answers", "description": "JSON Lines, one for each question: answer, likeliest, likeliest_by_character, log_likelihoods (nats)."}},
      "metrics": {
        "accuracy": {"type": "number", "headline": true, "description": "Share of questions whose likeliest choice is right."},
        "accuracy_stderr": {"type": "number", "description": "Its standard error."},
        "accuracy_norm": {"type": "number", "description": "The same, log-likelihoods divided by the choice's characters, which long choices need."},
        "accuracy_norm_stderr": {"type": "number", "description": "Its standard error."},
        "chance": {"type": "number", "description": "Accuracy of guessing."},
        "questions": {"type": "integer", "description": "Questions asked."},
        "tokens": {"type": "integer", "description": "Tokens scored: those of all choices."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    evaluation::describe_cost(description);
    return description;
  }

  void run(const Context& context) override {
    auto questions = read_questions(context.parameter<std::string>("questions"));
    if (const auto limit = context.parameter<std::size_t>("limit"); limit != 0 && limit < questions.size()) {
      questions.resize(limit);
    }
    const ModelSource source = evaluation::open_model(context, "model", 0);
    const Tokenizer tokenizer = Tokenizer::open(source.checkpoint().folder());
    const ChoicePass pass(questions, tokenizer, source.config(), context.parameter<std::string>("delimiter"));
    const TokenWindows& windows = pass.windows();
    const auto compute = make_cpu_compute(context.threads());
    Transformer model(*compute, source);
    const PassOptions options = evaluation::pass_options(context);
    const CostMeter meter(predicted_pass_bytes(source, windows.count(), windows.length(), options.states));
    const ChoiceAccuracy result = pass.run(model, options);
    evaluation::report_cost(context, meter.finish(windows.ids().size()));
    context.metric("accuracy", result.accuracy.value);
    context.metric("accuracy_stderr", result.accuracy.standard_error);
    context.metric("accuracy_norm", result.accuracy_norm.value);
    context.metric("accuracy_norm_stderr", result.accuracy_norm.standard_error);
    context.metric("chance", result.chance);
    context.metric("questions", questions.size());
    context.metric("tokens", pass.scored());
    context.metric("token_digest", windows.digest());
    const auto path = context.work_dir() / "answers.jsonl";
    write_file_atomically(path, lines_of(questions, result.answers));
    context.output("answers", path);
  }

 private:
  static std::string lines_of(const std::vector<Question>& questions,
                              const std::vector<AnsweredQuestion>& answers) {
    std::string lines;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const Json line = {{"answer", questions[i].answer},
                         {"likeliest", answers[i].likeliest},
                         {"likeliest_by_character", answers[i].likeliest_by_character},
                         {"log_likelihoods", answers[i].log_likelihoods}};
      lines += line.dump() + "\n";
    }
    return lines;
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-evaluation", "0.1.0", presswork::EvaluateAccuracy);
