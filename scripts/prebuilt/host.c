// Loads an addon in a process of musl, where npm has no Node: every symbol must be found, Node's in here (scripts/test-prebuilt.mjs defines them).
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char** words) {
  void* addon = count == 2 ? dlopen(words[1], RTLD_NOW) : 0;
  if (!addon || !dlsym(addon, "napi_register_module_v1")) return fprintf(stderr, "%s\n", dlerror()), 1;
  puts("loaded");
  return 0;
}
