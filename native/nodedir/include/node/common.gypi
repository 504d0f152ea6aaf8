# node-gyp wants a Node source tree's common.gypi. The addon uses only Node-API, whose headers come from npm's
# node-api-headers, so this stands in for it and nothing is ever downloaded.
{
  "variables": {"build_v8_with_gn": "false", "target_arch%": "<!(node -p process.arch)", "host_arch%": "<!(node -p process.arch)"},
  "target_defaults": {
    "default_configuration": "Release",
    "configurations": {"Release": {}, "Debug": {}},
    "conditions": [["OS == 'mac'", {"defines": ["_DARWIN_USE_64_BIT_INODE=1"], "xcode_settings": {"CLANG_CXX_LANGUAGE_STANDARD": "c++17"}}]]
  }
}
