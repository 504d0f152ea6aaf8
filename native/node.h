// Node-API, with what is short for it.
#pragma once
#define NAPI_VERSION 9
#if defined(_WIN32)
#define NAPI_EXTERN __declspec(dllimport)  // by pointers: node.cc
#endif
#include <node_api.h>

#include <cstddef>
#include <cstdint>

namespace densenet {

/// Finds Node's functions, where the linker did not. False where one is missing.
bool importNode();

/// What a function was called with.
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env(env) {
    size_t count = MOST;
    napi_get_cb_info(env, info, &count, values_, nullptr, nullptr);
  }
  const napi_env env;
  napi_value operator[](int i) const { return values_[i]; }
  double number(int i) const {
    double number = 0;
    napi_get_value_double(env, values_[i], &number);
    return number;
  }
  int integer(int i) const { return int(number(i)); }
  bool flag(int i) const {
    bool flag = false;
    napi_get_value_bool(env, values_[i], &flag);
    return flag;
  }

 private:
  static constexpr size_t MOST = 9;
  napi_value values_[MOST]{};
};

/// The elements of a typed array: of 2 bytes, floats or doubles.
template <class T>
struct Elements {
  T* data = nullptr;
  size_t count = 0, bytes = 0;
  Elements(napi_env env, napi_value array) {
    napi_typedarray_type type = napi_float32_array;
    void* first = nullptr;
    napi_get_typedarray_info(env, array, &type, &count, &first, nullptr, nullptr);
    data = static_cast<T*>(first);
    bytes = count * (type == napi_float64_array ? 8 : type == napi_uint16_array ? 2 : 4);
  }
};

inline napi_value nothing(napi_env env) {
  napi_value null;
  napi_get_null(env, &null);
  return null;
}
/// Not "boolean", which Windows has for a type.
inline napi_value truth(napi_env env, bool value) {
  napi_value result;
  napi_get_boolean(env, value, &result);
  return result;
}
inline napi_value number(napi_env env, double value) {
  napi_value number;
  napi_create_double(env, value, &number);
  return number;
}
inline napi_value text(napi_env env, const char* characters) {
  napi_value text;
  napi_create_string_utf8(env, characters, NAPI_AUTO_LENGTH, &text);
  return text;
}
/// For returning: an error is pending then.
inline napi_value fail(napi_env env, const char* why) {
  napi_throw_error(env, nullptr, why);
  return nullptr;
}

}  // namespace densenet
