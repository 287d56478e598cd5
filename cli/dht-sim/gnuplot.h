// gnuplot, as a child process: scripts in, SVG out. What drawing needs of the system is the package
// gnuplot-nox.
#pragma once

#include <string>

#include "kadmos/result.h"

namespace kadmos::cli {

// Errors: unreachable, if there is no gnuplot; says what to install.
Result<void> find_gnuplot();

// The SVG element that the script plots, which must choose no terminal or output. Errors:
// unreachable, io with what gnuplot complained about.
Result<std::string> draw(const std::string& script, int width, int height);

}  // namespace kadmos::cli
