// Everything an embedding program needs.
#pragma once

#include "kadmos/many.h"  // IWYU pragma: export
#include "kadmos/node.h"  // IWYU pragma: export
#include "kadmos/task.h"  // IWYU pragma: export
#include "kadmos/uv.h"    // IWYU pragma: export
