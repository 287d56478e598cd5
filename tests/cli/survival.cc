#include "cli/common/survival.h"

#include <doctest/doctest.h>

namespace kadmos::cli {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

TEST_CASE("the predicted loss is that of the table in docs/guarantees.md") {
  CHECK(predict_loss(14, hours(24), minutes(30)).mended == doctest::Approx(4e-8).epsilon(0.15));
  CHECK(predict_loss(8, hours(24), hours(2)).mended == doctest::Approx(1e-8).epsilon(0.3));
  const double tiny = predict_loss(20, hours(24), hours(2)).mended;  // not rounded to nothing
  CHECK(tiny > 0.5e-23);
  CHECK(tiny < 2e-23);
}

TEST_CASE("without mending a copy is lost within its half-life every other time") {
  CHECK(predict_loss(1, hours(2), hours(2)).unmended == doctest::Approx(0.5));
  CHECK(predict_loss(3, hours(4), hours(2)).unmended == doctest::Approx(0.75 * 0.75 * 0.75));
  CHECK(predict_loss(3, minutes(5), hours(2)).mended ==
        doctest::Approx(predict_loss(3, minutes(5), hours(2)).unmended));
}

TEST_CASE("without a copy all is lost and without time nothing") {
  CHECK(predict_loss(0, hours(1), hours(2)).mended == 1.0);
  CHECK(predict_loss(0, hours(1), hours(2)).unmended == 1.0);
  CHECK(predict_loss(0, hours(-1), hours(2)).mended == 1.0);
  CHECK(predict_loss(2, hours(-1), hours(2)).mended == 0.0);
}

}  // namespace
}  // namespace kadmos::cli
