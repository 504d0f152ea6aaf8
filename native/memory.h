// Buffers: zeroed memory straight from the operating system, in huge pages where it is large.
#pragma once
#include <cstddef>

namespace densenet {

/// nullptr when there is not enough memory. Behind the `bytes` lies some slack that kernels may read.
void* allocateZeroed(size_t bytes);
void freeMemory(void* memory, size_t bytes);
/// Gives whole pages of it back to the operating system; what was in `bytes` from there on is lost.
void forget(void* memory, size_t bytes);
/// Under AddressSanitizer: who touches these is reported, until they are freed.
void guard(void* memory, size_t bytes);

}  // namespace densenet
