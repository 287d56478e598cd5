#include "cli/dht-sim/gnuplot.h"

#include <fmt/core.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/common/process.h"
#include "cli/common/text.h"

namespace kadmos::cli {
namespace {

// Scripts are small; one that takes longer is stuck.
constexpr std::chrono::seconds kPatience(60);

// A file of no directory that holds `text`, at its beginning.
Fd file_of(const std::string& text) {
  Fd file(::memfd_create("gnuplot", MFD_CLOEXEC));
  for (std::size_t done = 0; file.open() && done < text.size();) {
    const ssize_t n = ::write(file.get(), text.data() + done, text.size() - done);
    if (n <= 0) return {};
    done += static_cast<std::size_t>(n);
  }
  return file;
}

}  // namespace

Result<void> find_gnuplot() {
  Process process({"/usr/bin/env", "gnuplot", "--version"});
  if (process.wait(kPatience) == 0) return {};
  return Error(Errc::unreachable,
               "figures are drawn by gnuplot, which does not run here; "
               "`apt-get install gnuplot-nox` installs it");
}

Result<std::string> draw(const std::string& script, int width, int height) {
  const Fd file = file_of(fmt::format(
      "set terminal svg size {},{} font 'sans-serif,14' noenhanced\n{}", width, height, script));
  if (!file.open()) return Error(Errc::io, "no room for a script of gnuplot");
  SpawnOptions options;
  options.stdin_file = fmt::format("/proc/self/fd/{}", file.get());
  Process process({"/usr/bin/env", "gnuplot"}, options);
  const auto code = process.wait(kPatience);
  const std::size_t begin = process.out().find("<svg");
  if (code != 0 || begin == std::string::npos) {
    return Error(Errc::io, "gnuplot: " + printable(process.err().substr(0, 1000)));
  }
  return process.out().substr(begin);
}

}  // namespace kadmos::cli
