#include "plugins/deployment/trials.h"

#include <algorithm>
#include <cmath>

#include "plugins/modelkit/evaluate/peak_memory.h"
#include "plugins/modelkit/evaluate/statistics.h"
#include "plugins/modelkit/inference/generator.h"
#include "plugins/modelkit/inference/timing.h"
#include "presswork/error.h"

namespace presswork::deployment {

using namespace modelkit;

namespace {

constexpr double kMostRepetition = 0.8;  // as evaluate/generate

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

Message count(std::size_t value) { return Message::verbatim(std::to_string(value)); }

std::unique_ptr<Compute> compute_from(unsigned threads) {
  reset_peak_memory();
  return make_cpu_compute(threads, WeightForm::Stored);
}

}  // namespace

Trials::Trials(const std::filesystem::path& folder, unsigned threads)
    : source_(ModelSource::open(folder)),
      tokenizer_(Tokenizer::open(folder)),
      compute_(compute_from(threads)),
      model_(*compute_, source_) {}

std::vector<std::int32_t> Trials::random_ids(std::size_t count, std::uint64_t seed) const {
  return random_tokens(count, source_.config().vocab, seed);
}

Item Trials::basic_inference(const std::string& prompt, std::size_t new_tokens) {
  const Message title("It continues a prompt");
  const Generation text = generate(model_, tokenizer_, prompt, {.max_new_tokens = new_tokens});
  continuation_ = text.text;
  if (!text.finite)
    return judged("basic_inference", "functional", title, false,
                  Message("NaN appeared: {0}", {Message::verbatim(text.problem)}));
  if (text.empty()) return judged("basic_inference", "functional", title, false, Message("nothing came"));
  return judged("basic_inference", "functional", title, text.repetition <= kMostRepetition,
                Message("{0} tokens came, {1} % of its 4-grams are repeated",
                        {count(text.ids.size()), count(static_cast<std::size_t>(text.repetition * 100))}));
}

bool Trials::finite_after(const std::vector<std::int32_t>& ids) {
  Session session(model_, ids.size());
  return all_finite(session.append(ids));
}

Item Trials::edge_cases(std::size_t longest) {
  const Message title("It answers the shortest, the longest and the strangest prompt");
  Message failed;
  const auto attempt = [&](const Message& what, const std::vector<std::int32_t>& ids) {
    try {
      if (ids.empty() || finite_after(ids)) return;
      failed = joined(failed, Message("{0}: the logits are not finite", {what}));
    } catch (const Error& error) {
      failed = joined(failed, Message("{0}: {1}", {what, Message::verbatim(error.message)}));
    }
  };
  attempt(Message("one token"), random_ids(1, 1));
  attempt(Message("the longest prompt"), random_ids(longest, 2));
  attempt(Message("bytes and emoji"),
          tokenizer_.encode("\x01\xF0\x9F\x99\x88\xE2\x80\x8D \xF0\x9D\x95\x8F\t\n\n", true));
  attempt(Message("an empty text"), tokenizer_.encode("", true));
  const bool passed = failed.empty();
  if (passed)
    failed = Message("one token, {0} tokens, emoji and control bytes, an empty text", {count(longest)});
  return judged("edge_cases", "functional", title, passed, failed);
}

Item Trials::error_handling() {
  const Message title("It refuses what is wrong and goes on");
  Session session(model_, 4);
  const std::vector<std::int32_t> good = {0}, outside = {static_cast<std::int32_t>(source_.config().vocab)};
  const auto first = session.append(good);
  const std::vector<float> before(first.begin(), first.end());
  const auto refused = [&](const std::vector<std::int32_t>& ids) {
    try {
      session.append(ids);
      return false;
    } catch (const Error&) {
      return true;
    }
  };
  const bool token = refused(outside), room = refused(random_ids(8, 3));
  session.clear();
  const auto again = session.append(good);
  const bool same = std::equal(before.begin(), before.end(), again.begin(), again.end());
  Message why = token ? Message("a token outside the vocabulary is refused")
                      : Message("a token outside the vocabulary is taken");
  why = joined(why, room ? Message("more tokens than there is room for are refused")
                         : Message("more tokens than there is room for are taken"));
  why = joined(
      why, same ? Message("the next answer is right") : Message("the next answer is another than before"));
  return judged("error_handling", "functional", title, token && room && same, why);
}

Item Trials::stability(std::size_t tokens) {
  const Message title("It stays the same over many tokens");
  constexpr std::size_t kSession = 64;
  constexpr std::uint64_t kAllowance = 32u << 20;
  std::vector<std::int32_t> expected;
  bool same = true, finite = true;
  std::uint64_t start = 0;
  std::size_t done = 0;
  while (done < tokens && finite) {
    Session session(model_, kSession);
    std::span<const float> logits = session.append(random_ids(1, 4));
    std::vector<std::int32_t> ids;
    for (std::size_t i = 1; i < kSession && finite; ++i) {
      finite = all_finite(logits);
      ids.push_back(most_likely(logits));
      logits = session.append(std::span(&ids.back(), 1));
    }
    if (expected.empty()) {
      expected = ids;
      start = resident_bytes();
    }
    same = same && ids == expected;
    done += kSession;
  }
  const std::uint64_t now_bytes = resident_bytes();
  const bool bounded = now_bytes <= start + kAllowance;
  Message why("{0} tokens", {count(done)});
  if (!finite) why = joined(why, Message("a NaN appeared"));
  why = joined(why, same ? Message("the same text each time") : Message("another text than at first"));
  why = joined(why, bounded ? Message("no growth of memory")
                            : Message("memory grew by {0} MiB", {count((now_bytes - start) >> 20)}));
  return judged("stability", "performance", title, same && finite && bounded, why);
}

Speed Trials::speed(std::size_t prompt_tokens, std::size_t new_tokens, std::size_t repeats) {
  const auto prompt = random_ids(prompt_tokens, 5);
  std::vector<double> prefill, decode;
  Session session(model_, prompt_tokens + new_tokens);
  for (std::size_t i = 0; i <= repeats; ++i) {
    const Times times = time_once(session, prompt, new_tokens);
    if (i == 0) continue;  // the warm-up
    prefill.push_back(static_cast<double>(prompt_tokens) / times.prefill);
    decode.push_back(static_cast<double>(new_tokens) / times.decode);
  }
  return {percentile(prefill, 0.5), percentile(decode, 0.5), model_.weight_bytes(), peak_resident_bytes()};
}

}  // namespace presswork::deployment
