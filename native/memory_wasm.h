// What of WebAssembly's memory others do not have.
#pragma once
#include "memory.h"

namespace densenet {

/// In all that was allocated and not freed.
double usedBytes();

}  // namespace densenet
