// What PyTorch needs to be fast: without it much of a step is page faults. glibc is told to keep memory instead of giving it
// back after each operation, and PyTorch's own allocator to ask for huge pages.
export const ALLOCATOR = {
  MALLOC_MMAP_MAX_: '0',
  MALLOC_MMAP_THRESHOLD_: '33554432',
  MALLOC_TRIM_THRESHOLD_: '68719476736',
  MALLOC_TOP_PAD_: '268435456',
  THP_MEM_ALLOC_ENABLE: '1',
}
