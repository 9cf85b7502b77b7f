// What it costs to decide about one name:
//   tools/bazel run -c opt //supervisor/watch:filter_bench
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "supervisor/watch/filter/filter.h"
#include "supervisor/watch/filter/ignore_rules.h"

namespace reinit {
namespace {

constexpr std::string_view kNames[] = {
    "app.py",   "__init__.py", "views.cpython-311.pyc", "index.html",
    "logo.svg", "README.md",   "package-lock.json",     "a_longer_module.py"};

void Run(benchmark::State& state, const FilterOptions& options,
         std::shared_ptr<const IgnoreRules> rules = nullptr) {
  const Filter filter(options);
  const Filter::Place place =
      filter.PlaceOf("src/project/package/", std::move(rules));
  for (auto _ : state) {
    for (const std::string_view name : kNames) {
      benchmark::DoNotOptimize(filter.WatchesFile(place, name));
    }
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<int64_t>(std::size(kNames)));
}

void Defaults(benchmark::State& state) { Run(state, {}); }
BENCHMARK(Defaults);

void Extensions(benchmark::State& state) {
  Run(state, {.extensions = {"py", "html"}});
}
BENCHMARK(Extensions);

void Globs(benchmark::State& state) {
  Run(state, {.include = {"src/**/*.{py,html}", "*.css", ".env"},
              .exclude = {"*.log", "/build", "docs/**/*.md"}});
}
BENCHMARK(Globs);

// Patterns that are usual in a .gitignore, so many of them.
void IgnoreFile(benchmark::State& state) {
  std::string text;
  for (int i = 0; i < state.range(0) / 5; ++i) {
    absl::StrAppend(&text, "*.ext", i, "\nbuild", i, "/\n/top", i, "\n**/x", i,
                    "/y\ndoc", i, "/*.md\n");
  }
  Run(state, {.ignore_files = true},
      std::make_shared<const IgnoreRules>("", text, nullptr));
}
BENCHMARK(IgnoreFile)->Arg(20)->Arg(200);

}  // namespace
}  // namespace reinit
