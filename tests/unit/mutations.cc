// What ./dev mutate changes, and what it leaves alone.
#include "mutate/mutations.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace kadmos::mutate;

namespace {

using Lines = std::vector<std::string>;

// The line at which each change of that kind was made, as it is then.
Lines lines_after(std::string_view source, std::string_view kind) {
  Lines out;
  for (const Mutation& one : mutations_of(source)) {
    if (one.kind == kind) out.push_back(line_at(changed(source, one), one.at));
  }
  return out;
}

}  // namespace

TEST_CASE("mutations leave out statements that stand alone and those that hang on a condition") {
  const auto left_out = [](std::string_view line) {
    const std::string source = "{\n  " + std::string(line) + "\n}\n";
    return lines_after(source, "statement left out");
  };
  for (const char* line : {"drop(now, key);", "++size_;", "count += 2;", "e.failures = 0;",
                           "*at++ = 1;", "if (full) return;", "for (const Key& k : keys) drop(k);",
                           "items.front().next = \"; }\";", "break;"}) {
    CHECK(left_out(line) == Lines{";"});
  }
  // The compiler would not have it, or it is no statement.
  for (const char* line :
       {"return false;", "const int n = 1;", "std::vector<Key> keys;", "Key& k = a;",
        "auto it = a.begin();", "void drop(Key key);", "Table() = default;", "} else if (a) {",
        "} while (a);", "if (a) {", "call(one,"}) {
    CHECK(left_out(line).empty());
  }
  CHECK(lines_after("a = b +\n    c();\n", "statement left out").empty());  // half of one
}

TEST_CASE("mutations ask the other way round what an if asks") {
  const char* kind = "condition flipped";
  CHECK(lines_after("if (a && f(b)) c();\n", kind) == Lines{"if (!(a && f(b))) c();"});
  CHECK(lines_after("} else if (a) {\n", kind) == Lines{"} else if (!(a)) {"});
  CHECK(lines_after("if (auto it = f(); it != end) {\n", kind) ==
        Lines{"if (auto it = f(); !(it != end)) {"});
  CHECK(lines_after("if (auto it = f()) {\n", kind).empty());
  CHECK(lines_after("if (a &&\n    b) {\n", kind).empty());
  CHECK(lines_after("while (a) {\n", kind).empty());
}

TEST_CASE("mutations let one side after the other of a condition count no more") {
  const char* kind = "condition left out";
  CHECK(lines_after("if (a && f(b, c)) d();\n", kind) ==
        Lines{"if (true && f(b, c)) d();", "if (a && true) d();"});
  CHECK(lines_after("return a || !b || (c && d);\n", kind) ==
        Lines{"return false || !b || (c && d);", "return a || false || (c && d);",
              "return a || !b || false;", "return a || !b || (true && d);",
              "return a || !b || (c && true);"});
  CHECK(lines_after("x = a || b && c ? d : e;\n", kind) == Lines{"x = false || b && c ? d : e;",
                                                                 "x = a || true && c ? d : e;",
                                                                 "x = a || b && true ? d : e;"});
  CHECK(lines_after("x = a &&\n    b;\n", kind) == Lines{"x = true &&", "true;"});
  CHECK(lines_after("x = a && f(b,\n    c);\n", kind) == Lines{"x = true && f(b,"});
  CHECK(lines_after("void f(Key&& key, auto&& other);\n", kind).empty());
}

TEST_CASE("mutations shift comparisons and constants by one and swap booleans") {
  const char* kind = "comparison off by one";
  CHECK(lines_after("a < b;\n", kind) == Lines{"a <= b;"});
  CHECK(lines_after("a >= b;\n", kind) == Lines{"a > b;"});
  CHECK(lines_after("a ==\n    b;\n", kind) == Lines{"a !="});
  CHECK(lines_after("std::vector<Key> a = b->c << d;\n", kind).empty());
  kind = "constant off by one";
  CHECK(lines_after("a = b + 2;\n", kind) == Lines{"a = b + 3;", "a = b + 1;"});
  CHECK(lines_after("f(0);\n", kind) == Lines{"f(1);"});
  CHECK(lines_after("a2 = b[1] + 0x10 + std::get<0>(c) + 500'000 + 7u + 1.5;\n", kind).empty());
  kind = "boolean swapped";
  CHECK(lines_after("return true;\n", kind) == Lines{"return false;"});
  CHECK(lines_after("bool done = false;\n", kind) == Lines{"bool done = true;"});
  CHECK(lines_after("is_true(true_name);\n", kind).empty());
}

TEST_CASE("mutations touch neither comments nor texts nor what no test is to notice") {
  for (const char* source :
       {"// if (a && b) return true;\n", "/* a < 1;\n   b = 2; */\n",
        "return \"a && b < 1 true\";\n", "return 'a' + R\"(a < 1; true)\";\n", "#if A < 1 && B\n",
        "static_assert(a < 1 && b);\n", "check(a < 1 && b);\n", "check(a <\n      1);\n",
        "keys.reserve(n + 1);\n", "notice(now, level, \"a\",\n       1 < 2);\n",
        "if (a && !planted(Plant::b)) c = true;\n", "using A = B;\n", "namespace a {\n",
        "template <int N = 1>\n"}) {
    CAPTURE(source);
    CHECK(mutations_of(source).empty());
  }
  const std::string_view source = "if (a) b = 1;  // if (c) d = 2;\n";
  for (const Mutation& one : mutations_of(source)) {
    CHECK(changed(source, one).find("  // if (c) d = 2;\n") != std::string::npos);
  }
  CHECK(mutations_of("poll_check(1);\n").size() == 3);  // another name
  CHECK(mutations_of("namespace a {\nb = 1;\n}\n").size() == 3);
}

TEST_CASE("a mutation says where it is") {
  const std::string_view source = "\n  a();\n  b = true;\n";
  const auto all = mutations_of(source);
  REQUIRE(all.size() == 3);
  CHECK(line_number(source, all.front().at) == 2);
  CHECK(line_number(source, all.back().at) == 3);
  CHECK(line_at(source, all.back().at) == "b = true;");
}
