#include "node.h"

#if defined(_WIN32)
#include <windows.h>

// An import library would want NODE.EXE. Node's functions are in the executable, whatever it is called: these pointers are what the
// linker would have made, and importNode() fills them.
#define NODE_FUNCTIONS(DO) \
  DO(napi_create_array_with_length) \
  DO(napi_create_arraybuffer) \
  DO(napi_create_async_work) \
  DO(napi_create_double) \
  DO(napi_create_external) \
  DO(napi_create_function) \
  DO(napi_create_object) \
  DO(napi_create_promise) \
  DO(napi_create_string_utf8) \
  DO(napi_create_typedarray) \
  DO(napi_delete_async_work) \
  DO(napi_get_boolean) \
  DO(napi_get_cb_info) \
  DO(napi_get_element) \
  DO(napi_get_null) \
  DO(napi_get_typedarray_info) \
  DO(napi_get_undefined) \
  DO(napi_get_value_bool) \
  DO(napi_get_value_double) \
  DO(napi_get_value_external) \
  DO(napi_get_value_string_utf8) \
  DO(napi_queue_async_work) \
  DO(napi_resolve_deferred) \
  DO(napi_set_element) \
  DO(napi_set_named_property) \
  DO(napi_throw_error)

#define POINTER(name) void* __imp_##name = nullptr;
extern "C" {
NODE_FUNCTIONS(POINTER)
}

bool densenet::importNode() {
  const HMODULE executable = GetModuleHandleW(nullptr);
#define FIND(name) \
  __imp_##name = reinterpret_cast<void*>(GetProcAddress(executable, #name)); \
  if (!__imp_##name) return false;
  NODE_FUNCTIONS(FIND)
  return true;
}

#else

bool densenet::importNode() { return true; }

#endif
