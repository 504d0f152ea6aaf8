# Built by scripts/build-native.mjs. One static library per instruction set: flags are per target in gyp.
{
  "variables": {
    "kernel_flags": ["-std=c++17", "-O3", "-Wall", "-Wextra", "-Wno-psabi", "-fPIC", "-fno-exceptions", "-fno-rtti", "-fno-math-errno"]
  },
  "target_defaults": {
    "conditions": [
      ["sanitize != 'none'", {
        # With every access checked, GCC takes many minutes for the unrolled tiles at -O3.
        "cflags_cc!": ["-O3"],
        "cflags_cc": ["-O1", "-g", "-fsanitize=<(sanitize)", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all"],
        "ldflags": ["-fsanitize=<(sanitize)"]
      }]
    ]
  },
  "targets": [
    {
      "target_name": "kernels_portable",
      "type": "static_library",
      "sources": ["kernels/kernels.cc"],
      "cflags_cc": ["<@(kernel_flags)"],
      "defines": ["VECTOR_WIDTH=4", "DENSENET_IMPLEMENTATIONS=portableImplementations"],
      "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["<@(kernel_flags)"]},
      "conditions": [
        # GCC would load all weights of a tile early, and spill its sums: scalars live in the vector registers here.
        ["target_arch == 'arm64'", {"cflags_cc": ["-fno-schedule-insns"]}]
      ]
    },
    {
      "target_name": "densenet",
      "dependencies": ["kernels_portable"],
      "sources": ["addon.cc", "dispatch.cc", "memory.cc", "program.cc", "thread_pool.cc"],
      "include_dirs": ["<(root)/node_modules/node-addon-api", "<(root)/node_modules/node-api-headers/include"],
      "defines": ["NAPI_VERSION=9", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "cflags_cc": ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Wno-psabi", "-fPIC", "-pthread"],
      "libraries": ["-pthread"],
      "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-std=c++17", "-O2"]},
      "conditions": [
        ["target_arch == 'x64'", {"dependencies": ["kernels_avx2", "kernels_avx512"]}]
      ]
    }
  ],
  "conditions": [
    ["target_arch == 'x64'", {
      "targets": [
        {
          "target_name": "kernels_avx2",
          "type": "static_library",
          "sources": ["kernels/kernels.cc"],
          "cflags_cc": ["<@(kernel_flags)", "-mavx2", "-mfma"],
          "defines": ["VECTOR_WIDTH=8", "DENSENET_IMPLEMENTATIONS=avx2Implementations"],
          "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["<@(kernel_flags)", "-mavx2", "-mfma"]}
        },
        {
          "target_name": "kernels_avx512",
          "type": "static_library",
          "sources": ["kernels/kernels.cc"],
          "cflags_cc": ["<@(kernel_flags)", "-mavx2", "-mfma", "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512"],
          "defines": ["VECTOR_WIDTH=16", "DENSENET_IMPLEMENTATIONS=avx512Implementations"],
          "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["<@(kernel_flags)", "-mavx2", "-mfma", "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl"]},
          "conditions": [
            # With the sanitizers, where the processor cannot run them: they are linked, and nothing more.
            ["runs_avx512 == 0", {"cflags_cc": ["-O0", "-fno-sanitize=all"]}]
          ]
        }
      ]
    }]
  ]
}
