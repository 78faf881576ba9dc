// Any implementation of gradients.h against central differences of the forward in float64 (reference.h).
#include "plugins/modelkit/compute/gradients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "presswork/error.h"
#include "unit/modelkit_compute/device_values.h"
#include "unit/modelkit_compute/implementations.h"

namespace presswork::modelkit {
namespace {

using reference::Values;

// The gradient by each value of `input` of the sum of forward()'s values, each times dout's.
Values differences(Values& input, const Values& dout, const std::function<Values()>& forward) {
  constexpr double kStep = 1e-5;
  const auto loss = [&] {
    const Values out = forward();
    return std::inner_product(out.at.begin(), out.at.end(), dout.at.begin(), 0.0);
  };
  Values gradient(input.rows, input.cols);
  for (std::size_t i = 0; i < input.at.size(); ++i) {
    const double value = input.at[i];
    input.at[i] = value + kStep;
    const double above = loss();
    input.at[i] = value - kStep;
    gradient.at[i] = (above - loss()) / (2.0 * kStep);
    input.at[i] = value;
  }
  return gradient;
}

Values plus(Values a, const Values& b) {
  for (std::size_t i = 0; i < a.at.size(); ++i) a.at[i] += b.at[i];
  return a;
}

class Backward : public testing::TestWithParam<Implementation> {
 protected:
  Matrix on_device(const Values& values) { return modelkit::on_device(*compute_, values); }
  Matrix like(const Values& values) { return compute_->allocate(values.rows, values.cols); }
  void expect_near(const Matrix& got, const Values& expected, double tolerance) {
    modelkit::expect_near(*compute_, got, expected, tolerance);
  }

  std::unique_ptr<Compute> compute_ = GetParam().make();
  std::unique_ptr<Gradients> gradients_ = GetParam().make_gradients(*compute_);
};

using enum Gradients::Form;

Values transposed(const Values& a) {
  Values out(a.cols, a.rows);
  for (std::size_t r = 0; r < a.rows; ++r) {
    for (std::size_t c = 0; c < a.cols; ++c) out(c, r) = a(r, c);
  }
  return out;
}

TEST_P(Backward, ProductMultipliesInEveryFormAndAdds) {
  for (const auto& [m, n, k] : {std::array<std::size_t, 3>{1, 1, 1}, {7, 19, 33}, {150, 530, 20}}) {
    const Values a = reference::random(m, k, 1), b = reference::random(k, n, 2),
                 before = reference::random(m, n, 3);
    const Values expected = reference::linear(a, transposed(b), {});
    for (const bool a_turned : {false, true}) {
      for (const bool b_turned : {false, true}) {
        const Matrix left = on_device(a_turned ? transposed(a) : a),
                     right = on_device(b_turned ? transposed(b) : b);
        const Matrix alone = like(before), added = on_device(before);
        const auto a_form = a_turned ? Transposed : Plain, b_form = b_turned ? Transposed : Plain;
        gradients_->product(alone, left, a_form, right, b_form);
        gradients_->product(added, left, a_form, right, b_form, true);
        expect_near(alone, expected, 1e-4);
        expect_near(added, plus(expected, before), 1e-4);
      }
    }
  }
}

TEST_P(Backward, ProductAndAddBiasAreALinearsBackward) {
  Values x = reference::random(9, 12, 1), weight = reference::random(7, 12, 2),
         bias = reference::random(1, 7, 3);
  const Values dout = reference::random(9, 7, 4), before = reference::random(7, 12, 5);
  const auto forward = [&] { return reference::linear(x, weight, bias.floats()); };
  const Matrix dx = like(x), dweight = on_device(before), dbias = on_device(bias);
  gradients_->product(dx, on_device(dout), Plain, on_device(weight), Plain);
  gradients_->product(dweight, on_device(dout), Transposed, on_device(x), Plain, true);
  gradients_->add_bias(dbias, on_device(dout));
  expect_near(dx, differences(x, dout, forward), 1e-5);
  expect_near(dweight, plus(before, differences(weight, dout, forward)), 1e-5);
  Values sums = bias;
  for (std::size_t r = 0; r < 9; ++r) {
    for (std::size_t c = 0; c < 7; ++c) sums(0, c) += dout(r, c);
  }
  expect_near(dbias, sums, 1e-5);
}

TEST_P(Backward, GatherAddsEachRowsGradientToItsEntryOfTheTable) {
  const Values before = reference::random(5, 100, 1), dout = reference::random(4, 100, 2);
  const std::vector<std::int32_t> ids{3, 0, 3, 3};
  Values expected = before;
  for (std::size_t r = 0; r < 4; ++r) {
    for (std::size_t c = 0; c < 100; ++c) expected(static_cast<std::size_t>(ids[r]), c) += dout(r, c);
  }
  const Matrix table = on_device(before);
  gradients_->gather(table, on_device(dout), ids);
  expect_near(table, expected, 1e-6);
  EXPECT_THROW(gradients_->gather(table, on_device(dout), std::vector<std::int32_t>{0, 1, 2, 5}), Error);
}

TEST_P(Backward, OfNormsAgreesWithDifferencesAlsoInPlace) {
  Values x = reference::random(6, 19, 1, 2.0), weight = reference::random(1, 19, 2),
         bias = reference::random(1, 19, 3);
  const Values dout = reference::random(6, 19, 4);
  for (const bool centred : {false, true}) {
    const auto forward = [&] {
      return centred ? reference::layer_norm(x, weight, &bias, 1e-3) : reference::rms_norm(x, weight, 1e-3);
    };
    const Matrix dx = like(x), dweight = on_device(weight), dbias = on_device(bias),
                 in_place = on_device(dout);
    const auto run = [&](const Matrix& to, const Matrix& from) {
      if (centred) {
        gradients_->layer_norm(to, dweight, dbias, from, on_device(x), on_device(weight), 1e-3F);
      } else {
        gradients_->rms_norm(to, dweight, from, on_device(x), on_device(weight), 1e-3F);
      }
    };
    run(dx, on_device(dout));
    const Values by_x = differences(x, dout, forward);
    expect_near(dx, by_x, 2e-5);
    expect_near(dweight, plus(weight, differences(weight, dout, forward)), 2e-5);
    if (centred) expect_near(dbias, plus(bias, differences(bias, dout, forward)), 2e-5);
    run(in_place, in_place);
    expect_near(in_place, by_x, 2e-5);
  }
}

TEST_P(Backward, OfAttentionAgreesWithDifferences) {
  const std::vector<float> sinks{1.5F, -0.5F, 0.0F, 3.0F};
  const std::vector<AttentionShape> shapes{{2, 5, 5, 4, 2, 6, 0.4F},
                                           {1, 1, 9, 2, 1, 5, 0.5F},
                                           {1, 3, 9, 2, 2, 4, 0.5F, 4},
                                           {1, 70, 70, 2, 1, 3, 0.6F},
                                           {1, 70, 75, 2, 1, 3, 0.6F, 20},
                                           {1, 8, 8, 2, 1, 4, 0.9F, 0, 1.2F},
                                           {2, 6, 6, 4, 2, 4, 0.5F, 3, 2.0F, sinks}};
  for (const auto& shape : shapes) {
    Values q = reference::random(shape.sequences * shape.queries, shape.heads * shape.head_dim, 1);
    Values k = reference::random(shape.sequences * shape.keys, shape.kv_heads * shape.head_dim, 2);
    Values v = reference::random(k.rows, k.cols, 3);
    const Values dout = reference::random(q.rows, q.cols, 4);
    const auto forward = [&] { return reference::attention(q, k, v, shape); };
    const Matrix out = like(q), dq = like(q), dk = like(k), dv = like(v);
    const Matrix device_q = on_device(q), device_k = on_device(k), device_v = on_device(v);
    compute_->attention(out, device_q, device_k, device_v, shape);
    gradients_->attention(dq, dk, dv, on_device(dout), out, device_q, device_k, device_v, shape);
    expect_near(dq, differences(q, dout, forward), 2e-5);
    expect_near(dk, differences(k, dout, forward), 2e-5);
    expect_near(dv, differences(v, dout, forward), 2e-5);
  }
}

TEST_P(Backward, OfEveryActivationAgreesWithDifferencesAloneAndAsAGate) {
  Values gate = reference::random(5, 21, 1, 2.0), up = reference::random(5, 21, 2);
  const Values dout = reference::random(5, 21, 3);
  for (const Activation f : {Activation::Silu, Activation::Gelu, Activation::GeluTanh, Activation::GeluQuick,
                             Activation::Relu, Activation::ReluSquared}) {
    const auto forward = [&](bool gated) {
      Values out = gate;
      for (std::size_t i = 0; i < out.at.size(); ++i) {
        out.at[i] = reference::activation(gate.at[i], f) * (gated ? up.at[i] : 1.0);
      }
      return out;
    };
    const Matrix alone = on_device(dout), dgate = on_device(dout), dup = like(up);
    gradients_->activate(alone, on_device(gate), f);
    gradients_->activate_multiply(dgate, dup, dgate, on_device(gate), on_device(up), f);
    expect_near(alone, differences(gate, dout, [&] { return forward(false); }), 2e-5);
    expect_near(dgate, differences(gate, dout, [&] { return forward(true); }), 2e-5);
    expect_near(dup, differences(up, dout, [&] { return forward(true); }), 2e-5);
  }
}

TEST_P(Backward, OfTheSoftcapAgreesWithDifferences) {
  Values x = reference::random(5, 21, 1, 3.0);
  const Values dout = reference::random(5, 21, 2);
  const Matrix dx = on_device(dout);
  gradients_->softcap(dx, on_device(x), 2.5F);
  expect_near(dx,
              differences(x, dout,
                          [&] {
                            Values out = x;
                            for (double& value : out.at) value = 2.5 * std::tanh(value / 2.5);
                            return out;
                          }),
              1e-5);
}

// Of the vocabulary in two slices; the last row counts for nothing.
TEST_P(Backward, OfTheLossesAgreesWithDifferences) {
  constexpr std::size_t kRows = 4, kVocabulary = 50, kCut = 30;
  Values model = reference::random(kRows, kVocabulary, 1, 2.0);
  const Values baseline = reference::random(kRows, kVocabulary, 2, 2.0);
  const std::vector<std::int32_t> targets{0, 29, 30, 49};
  const std::vector<float> factors{1.0F, -0.5F, 2.0F, 0.0F};
  Values weights(kRows, 1);
  std::copy(factors.begin(), factors.end(), weights.at.begin());
  const auto by_model = [&](const std::function<double(std::size_t)>& loss) {
    return differences(model, weights, [&] {
      Values out(kRows, 1);
      for (std::size_t r = 0; r < kRows; ++r) out(r, 0) = loss(r);
      return out;
    });
  };
  const Values likelihood = by_model([&](std::size_t r) {
    return reference::negative_log_likelihood(model, r, static_cast<std::size_t>(targets[r]));
  });
  const Values apart =
      by_model([&](std::size_t r) { return reference::kullback_leibler(baseline, model, r); });
  const Matrix logits = on_device(model), towards = on_device(model), from = on_device(baseline);
  LogSumExp sums(kRows);
  Divergence divergence(kRows);
  const auto slices = [&](const auto& each) {
    each(0, kCut);
    each(kCut, kVocabulary - kCut);
  };
  slices([&](std::size_t first, std::size_t count) {
    compute_->log_sum_exp(sums, logits.column_range(first, count), first, targets);
    compute_->divergence(divergence, from.column_range(first, count), towards.column_range(first, count),
                         first, targets);
  });
  slices([&](std::size_t first, std::size_t count) {
    gradients_->log_sum_exp(logits.column_range(first, count), sums, first, targets, factors);
    gradients_->divergence(towards.column_range(first, count), from.column_range(first, count), divergence,
                           factors);
  });
  expect_near(logits, likelihood, 1e-5);
  expect_near(towards, apart, 1e-5);
}

TEST_P(Backward, ShapesThatDoNotFitAreRefused) {
  const Matrix a = compute_->allocate(2, 3), b = compute_->allocate(3, 2);
  EXPECT_THROW(gradients_->product(a, a, Plain, a, Plain), Error);
  EXPECT_THROW(gradients_->activate(a, b, Activation::Silu), Error);
  EXPECT_THROW(gradients_->rms_norm(a, a, a, a, a, 1e-5F), Error);
}

INSTANTIATE_TEST_SUITE_P(Of, Backward, testing::ValuesIn(implementations()),
                         [](const auto& implementation) { return implementation.param.name; });

TEST(CpuGradients, GiveTheSameBitsForAnyNumberOfThreads) {
  const AttentionShape shape{2, 150, 150, 4, 2, 16, 0.25F};
  const Values q = reference::random(300, 64, 1), k = reference::random(300, 32, 2),
               v = reference::random(300, 32, 3);
  const Values dout = reference::random(300, 64, 4), weight = reference::random(1, 64, 5);
  const auto run = [&](unsigned threads) {
    const auto compute = make_cpu_compute(threads);
    const auto gradients = make_cpu_gradients(*compute);
    const auto give = [&](const Values& values) { return on_device(*compute, values); };
    const Matrix out = give(q), dq = give(q), dk = give(k), dv = give(v), dweight = give(weight);
    const Matrix product = compute->allocate(64, 64);
    compute->attention(out, give(q), give(k), give(v), shape);
    gradients->attention(dq, dk, dv, give(dout), out, give(q), give(k), give(v), shape);
    gradients->product(product, give(dout), Transposed, give(q), Plain);
    gradients->rms_norm(out, dweight, give(dout), give(q), give(weight), 1e-5F);
    std::vector<float> all;
    for (const Matrix& matrix : {dq, dk, dv, product, dweight, out}) {
      const auto values = from_device(*compute, matrix);
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  };
  const auto one = run(1);
  for (const unsigned threads : {2U, 3U, 5U}) EXPECT_TRUE(run(threads) == one) << threads;
}

}  // namespace
}  // namespace presswork::modelkit
