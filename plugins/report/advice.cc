#include "plugins/report/advice.h"

#include <cmath>

#include "plugins/report/number_text.h"

namespace presswork::summary {

namespace {

std::string about_ratio(const Figures& figures, const Phrases& say) {
  if (!figures.compression_ratio) return say("Compression was not measured: compress first, then decide.");
  const std::string ratio = fixed(*figures.compression_ratio, 2);
  return *figures.compression_ratio > 2
             ? say("The compression ratio of {0}x is over 2: worth deploying.", {ratio})
             : say("The compression ratio of {0}x is not over 2: optimize further before deploying.",
                   {ratio});
}

std::string about_accuracy(const Figures& figures, const Phrases& say) {
  const auto loss = figures.loss_percent();
  if (!loss) return say("Accuracy loss was not measured: measure perplexity before and after, then decide.");
  const std::string percent = fixed(*loss, 2);
  if (*loss < 2) return say("The accuracy loss of {0} % is under 2 %: deploy.", {percent});
  if (*loss < 5)
    return say("The accuracy loss of {0} % is under 5 %: run an A/B test before deploying.", {percent});
  return say("The accuracy loss of {0} % is 5 % or more: redo the compression strategy.", {percent});
}

std::string about_hardware(const Figures& figures, const Phrases& say) {
  if (!figures.compatibility)
    return say("Hardware fit was not assessed: no stage of this run looked at the target.");
  const std::string score = fixed(*figures.compatibility, 2);
  return *figures.compatibility > 0.8
             ? say("The compatibility score of {0} is over 0.8: the model fits the hardware.", {score})
             : say("The compatibility score of {0} is not over 0.8: adapt the model to the target hardware.",
                   {score});
}

}  // namespace

std::vector<std::string> deployment_advice(const Figures& figures, const Phrases& say) {
  return {about_ratio(figures, say), about_accuracy(figures, say), about_hardware(figures, say)};
}

std::vector<std::string> monitoring_points(const Figures& figures, const Phrases& say) {
  std::vector<std::string> points;
  if (figures.accuracy.empty()) {
    points.push_back(
        say("Perplexity on a fixed sample of your own texts: take a first value before deploying."));
  } else {
    points.push_back(
        say("Perplexity on a fixed text: {0} at the time of this report; a lasting rise is a regression.",
            {fixed(figures.accuracy.front().after, 4)}));
  }
  points.push_back(say("Tokens per second and time to first token under real load."));
  points.push_back(say("Peak memory, above all with long contexts and many requests at once."));
  points.push_back(say("Empty, repeating or non-finite output, as a share of all answers."));
  return points;
}

std::vector<std::string> risks(const RunFacts& facts, const Figures& figures, const Phrases& say) {
  std::vector<std::string> found;
  if (figures.accuracy.size() == 1) {
    found.push_back(say("Accuracy was judged on one text only; other domains and languages may lose more."));
  }
  if (!figures.accuracy.empty()) {
    const Accuracy& first = figures.accuracy.front();
    const double error = std::hypot(first.before_stderr.value_or(0), first.after_stderr.value_or(0));
    if (error > 0 && std::abs(first.after - first.before) < 2 * error) {
      found.push_back(
          say("The difference in perplexity is smaller than twice its standard error ({0}); both "
              "models were run on the same text, so it may still be real.",
              {fixed(2 * error, 4)}));
    }
  } else {
    found.push_back(say("Accuracy before and after compression is not known."));
  }
  if (!figures.speedup) found.push_back(say("Inference speed of the compressed model is not known."));
  if (!figures.memory_saving_percent)
    found.push_back(say("Memory at inference is not known; the size on disk is."));
  for (const Instance* step : facts.steps()) {
    if (member(step->metrics, "calibration_bundled", false) == true) {
      found.push_back(
          say("{0} was calibrated on the text that is bundled with Presswork, since none was given; text of "
              "the kind that the model will be used for may serve it better.",
              {step->id}));
    }
    for (const Json& warning : member(step->metrics, "calibration_warnings", Json::array()))
      found.push_back(say("{0}: {1}", {step->id, say.said(warning, "warning")}));
    const auto error = step->number("max_relative_error");
    if (error && *error > 0.2) {
      found.push_back(say("{0}: the weights of one module changed by {1} % (relative Frobenius error).",
                          {step->id, fixed(*error * 100, 1)}));
    }
  }
  for (const Instance& instance : facts.instances()) {
    if (instance.state == "failed" || instance.state == "timed_out") {
      found.push_back(say("The stage {0} failed: {1}", {instance.id, instance.cause}));
    }
  }
  return found;
}

}  // namespace presswork::summary
