// What a program does that has a secret key in its memory.
#pragma once

namespace kadmos::cli {

// Keeps this process's memory from others: no core dump, no debugger, and no reading through /proc
// but by root. To be called before a key is read. Builds with sanitizers only do without the core
// dump, since the leak sanitizer looks at its own process as a debugger would.
void keep_memory_private();

}  // namespace kadmos::cli
