// Abseil, GoogleTest and Google Benchmark build and work together.
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "benchmark/benchmark.h"
#include "gtest/gtest.h"

namespace {

TEST(Dependencies, Work) {
  absl::StatusOr<int> value = 42;
  benchmark::DoNotOptimize(value);
  EXPECT_EQ(absl::StrFormat("%d", *value), "42");
}

}  // namespace
