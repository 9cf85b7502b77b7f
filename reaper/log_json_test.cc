#include "reaper/log_json.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

std::string Line(std::string_view message,
                 absl::Span<const LogField> fields = {}, uint64_t lost = 0) {
  return JsonLogLine(0, LogLevel::kInfo, "message", message, fields, lost);
}

// The message as it stands in the line.
std::string Message(std::string_view message) {
  const std::string line = Line(message);
  const size_t begin = line.find("\"msg\":\"") + 7;
  return line.substr(begin, line.rfind('"') - begin);
}

TEST(UtcTime, KnownMoments) {
  EXPECT_EQ(UtcTime(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(UtcTime(1), "1970-01-01T00:00:00.001Z");
  EXPECT_EQ(UtcTime(951'782'399'999), "2000-02-28T23:59:59.999Z");
  EXPECT_EQ(UtcTime(951'782'400'000), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(UtcTime(1'732'561'200'123), "2024-11-25T19:00:00.123Z");
  EXPECT_EQ(UtcTime(-1), "1969-12-31T23:59:59.999Z");
}

TEST(JsonLogLine, HasTheKeysInOrder) {
  EXPECT_EQ(
      JsonLogLine(0, LogLevel::kWarning, "reload", "reload 1: a.py",
                  {{"generation", 2}, {"reason", "a.py"}, {"nothing", {}}}, 0),
      R"({"time":"1970-01-01T00:00:00.000Z","level":"warning","event":"reload",)"
      R"("msg":"reload 1: a.py","generation":2,"reason":"a.py"})"
      "\n");
}

TEST(JsonLogLine, LevelsHaveNames) {
  for (const auto& [level, name] :
       std::vector<std::pair<LogLevel, std::string>>{
           {LogLevel::kError, "error"},
           {LogLevel::kWarning, "warning"},
           {LogLevel::kInfo, "info"},
           {LogLevel::kDebug, "debug"}}) {
    EXPECT_TRUE(absl::StrContains(JsonLogLine(0, level, "message", "x", {}, 0),
                                  absl::StrCat("\"level\":\"", name, "\"")));
  }
}

TEST(JsonLogLine, SaysHowManyWereLost) {
  EXPECT_FALSE(absl::StrContains(Line("x"), "lost"));
  EXPECT_TRUE(absl::StrContains(Line("x", {}, 12), ",\"lost\":12"));
}

TEST(JsonLogLine, EscapesWhatJsonWants) {
  EXPECT_EQ(Message("a \"b\" \n\t\x01\x7f"), R"(a \"b\" \n\t\u0001\u007f)");
  EXPECT_EQ(Message(std::string_view("\0", 1)), R"(\u0000)");
  EXPECT_EQ(Message("grüße 日本 😀"), "grüße 日本 😀");
}

TEST(JsonLogLine, BytesThatAreNoCharacterCanBeToldFromText) {
  EXPECT_EQ(Message("\xff"), R"(\\xff)");
  // A name that looks like that, and other backslashes.
  EXPECT_EQ(Message(R"(\xff)"), R"(\\x5cxff)");
  EXPECT_EQ(Message(R"(\a\)"), R"(\\a\\)");
}

TEST(JsonLogLine, WhatOnlyLooksLikeUtf8IsNone) {
  for (const std::string_view bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xe2\x82",
        "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf0\x9f\x98", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xfe"}) {
    std::string expected;
    for (const char c : bad) {
      absl::StrAppend(&expected, "\\\\x",
                      absl::Hex(static_cast<unsigned char>(c)));
    }
    EXPECT_EQ(Message(bad), expected);
  }
  // The first and last of each length.
  for (const std::string_view good :
       {"\xc2\xa0", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(Message(good), good);
  }
  // A control character all the same (C1): a terminal would obey it.
  EXPECT_EQ(Message("\xc2\x80"), "\\u0080");
  EXPECT_EQ(Message("\xc2\x9f"), "\\u009f");
}

// Whatever is in it and however long: one line, bounded, closed, and said if
// something is missing.
TEST(JsonLogLine, IsBounded) {
  for (const std::string_view piece : {"a", "\x01", "\xff", "\"", "日", "\n"}) {
    std::string text;
    while (text.size() < 10'000) text += piece;
    const std::string line =
        Line(text, {{"reason", text}, {"changed", text}, {"generation", 7}});
    EXPECT_LE(line.size(), kMaxJsonLine);
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
    EXPECT_TRUE(absl::EndsWith(line, ",\"cut\":true}\n"));
    EXPECT_TRUE(absl::StrContains(line, "\"generation\":7"));
  }
  EXPECT_FALSE(absl::StrContains(Line(std::string(2000, 'a')), "cut"));
}

}  // namespace
}  // namespace reinit
