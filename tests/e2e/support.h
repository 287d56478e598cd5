// What tests of real processes need besides processes: directories, files, patience.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace kadmos::e2e {

// Nothing takes this long unless it hangs.
inline constexpr std::chrono::milliseconds kPatience{30'000};

// Until `done` gives true; false if it does not for kPatience.
bool eventually(const std::function<bool()>& done);

// A directory that goes with its object.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void write(const std::string& path, const std::string& content);
std::string read(const std::string& path);
unsigned mode_of(const std::string& path);

}  // namespace kadmos::e2e
