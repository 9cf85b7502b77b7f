#include "supervisor/control/bounded_json.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

std::string Json(std::string_view bytes) {
  return BoundedJson().Text(bytes).text();
}

TEST(BoundedJsonTest, PutsCommasWhereTheyBelong) {
  BoundedJson json;
  json.BeginObject().Key("a").Number(1).Key("b").BeginArray().Text("x");
  json.Null().Bool(true).BeginObject().EndObject().EndArray();
  json.Key("c").Seconds(absl::Milliseconds(1050)).EndObject();
  EXPECT_EQ(json.text(), R"({"a":1,"b":["x",null,true,{}],"c":1.050})");
}

TEST(BoundedJsonTest, EscapesWhatMustNotStandInAString) {
  EXPECT_EQ(Json("a\"b\\c\n\t\x01\x7f"), R"("a\"b\\c\n\t\u0001\u007f")");
  EXPECT_EQ(Json(std::string_view("\0", 1)), R"("\u0000")");
}

// So that a comma or colon in a text is not taken for one of the syntax.
TEST(BoundedJsonTest, ATextThatLooksLikeSyntaxIsAText) {
  BoundedJson json;
  json.BeginArray().Text("{").Text(":").Text("[").EndArray();
  EXPECT_EQ(json.text(), R"(["{",":","["])");
}

TEST(ValidTextTest, KeepsUtf8) {
  for (const std::string_view text : {"ä", "€", "😀", "\u07ff", "\uffff"}) {
    EXPECT_EQ(ValidText(text, 100), text);
  }
}

TEST(ValidTextTest, ShowsEachOtherByte) {
  EXPECT_EQ(ValidText("a\xff"
                      "b",
                      100),
            "a\\xffb");
  EXPECT_EQ(ValidText("\xc3", 100), "\\xc3");           // cut short
  EXPECT_EQ(ValidText("\xc0\xaf", 100), "\\xc0\\xaf");  // too long a form
  EXPECT_EQ(ValidText("\xe0\x80\x80", 100), "\\xe0\\x80\\x80");
  EXPECT_EQ(ValidText("\xed\xa0\x80", 100), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(ValidText("\xf4\x90\x80\x80", 100), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(ValidText("\xf8", 100), "\\xf8");
}

TEST(ValidTextTest, CutsOnACharacter) {
  EXPECT_EQ(ValidText("aaaaaaaaaa", 10), "aaaaaaaaaa");
  EXPECT_EQ(ValidText("aaaaaaaaaaa", 10), "aaaaaaa...");
  EXPECT_EQ(ValidText("ääääää", 10), "äää...");
  EXPECT_EQ(ValidText("\xff\xff\xff\xff", 10), "\\xff...");
}

TEST(BoundedJsonTest, IsBounded) {
  const std::string most = Json(std::string(100'000, '\x01'));
  EXPECT_LE(most.size(), BoundedJson::kMaxText + 2);
  EXPECT_TRUE(absl::EndsWith(most, "\\u0001...\""));
}

}  // namespace
}  // namespace reinit
