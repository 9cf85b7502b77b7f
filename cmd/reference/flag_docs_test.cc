#include "cmd/reference/flag_docs.h"

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cmd/flags/flag_choices.h"
#include "cmd/flags/flag_table.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

TEST(FlagDocs, AreWhatTheTableSays) {
  for (const FlagDocument& document : FlagDocuments()) {
    std::ifstream file(document.path, std::ios::binary);
    const std::string committed{std::istreambuf_iterator<char>(file), {}};
    // Not EXPECT_EQ, which would print both.
    EXPECT_TRUE(committed == document.text)
        << document.path << " is not what the flag table says. Write it anew:\n"
        << "  tools/bazel run //cmd/reference:flag_docs";
  }
}

TEST(FlagDocs, HaveEachFlag) {
  const std::map<std::string_view, std::string_view> as = {
      {"docs/flags.md", "`--"},
      {"docs/reinit.1", ".It Fl Fl "},
      {"docs/completion/reinit.bash", "\n  --"},
      {"docs/completion/_reinit", "--"}};
  for (const FlagDocument& document : FlagDocuments()) {
    std::string text = document.text;
    for (const Flag& flag : FlagTable()) {
      std::string name(flag.name);
      if (document.path == "docs/reinit.1") {
        for (size_t at = 0; (at = name.find('-', at)) != std::string::npos;
             at += 2) {
          name.replace(at, 1, "\\-");
        }
      }
      EXPECT_TRUE(
          absl::StrContains(text, absl::StrCat(as.at(document.path), name)))
          << document.path << ": " << flag.name;
    }
  }
}

TEST(FlagChoices, EachWordIsAllowed) {
  for (const Flag& flag : FlagTable()) {
    for (const std::string_view word : ChoicesOf(flag).words) {
      // The beginning of a value.
      if (absl::EndsWith(word, ":") || absl::EndsWith(word, "/")) continue;
      // SIG stands for these too, but some mean something else.
      if (flag.name == "reload-signal") continue;
      Settings settings;
      EXPECT_TRUE(flag.set(word, settings).ok()) << flag.name << ": " << word;
    }
  }
}

// The help of these two names what their tables have.
TEST(FlagChoices, AreNamedInTheHelp) {
  for (const std::string_view name : {"health", "on-change"}) {
    const Flag& flag = *FindFlag(name);
    for (std::string_view word : ChoicesOf(flag).words) {
      while (absl::ConsumeSuffix(&word, "/")) continue;
      if (word == "exit:") word = "exit[:CODE]";
      EXPECT_TRUE(absl::StrContains(flag.help, word)) << name << ": " << word;
    }
  }
}

// The twin: a word that is not among them would be noticed.
TEST(FlagChoices, OtherWordsAreNot) {
  for (const std::string_view name :
       {"watch-mode", "restart", "log-level", "on-change", "ready",
        "health-on-failure", "listen-env", "after-exit"}) {
    Settings settings;
    EXPECT_FALSE(FindFlag(name)->set("nothing", settings).ok()) << name;
    EXPECT_FALSE(ChoicesOf(*FindFlag(name)).words.empty()) << name;
  }
}

}  // namespace
}  // namespace reinit
