#!/usr/bin/env bash
# Packs what measure.mjs needs on a Linux machine that has a GPU and its driver, but neither internet nor Node nor a Vulkan loader:
#
#   bench/gpu/carry.sh carried.tar.xz       here, after npm run build:ts; then there:
#   tar xf carried.tar.xz -C / && cd /densenet-gpu && ./measure.sh
set -euo pipefail
target=$(realpath -m "$1")
cd "$(dirname "$0")/../.."
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
home="$room/densenet-gpu"
mkdir -p "$home/bench/gpu" "$home/node_modules/webgpu/dist"
cp "$(command -v node)" "$home/node"
cp -r dist package.json "$home/"
cp bench/gpu/measure.mjs bench/gpu/pytorch.py "$home/bench/gpu/"
cp bench/torch_densenet.py "$home/bench/"
cp -r node_modules/{zod,fflate} "$home/node_modules/"
cp node_modules/webgpu/{package.json,index.js} "$home/node_modules/webgpu/"
cp -r node_modules/webgpu/dist/linux-x64 "$home/node_modules/webgpu/dist/"
strip "$home/node" "$home/node_modules/webgpu/dist/linux-x64/dawn.node"
# NVIDIA's Vulkan driver wants these, even without a screen.
mkdir "$room/packages"
(
  cd "$room/packages"
  apt-get download -qq libvulkan1 libegl1 libglvnd0 libopengl0 libgl1 libglx0 libgles2 \
    libx11-6 libxext6 libxcb1 libxau6 libxdmcp6 libbsd0 libmd0
  for package in *.deb; do dpkg-deb -x "$package" "$room/packages/root"; done
)
mkdir "$home/lib"
find "$room/packages/root" -name '*.so*' -exec cp -P {} "$home/lib/" \;
cat >"$home/measure.sh" <<'THERE'
#!/usr/bin/env bash
cd "$(dirname "$0")"
export LD_LIBRARY_PATH="$PWD/lib:${LD_LIBRARY_PATH-}"
# What is measured of tiles is kept here, too.
export XDG_CACHE_HOME="$PWD/cache"
timeout 300 ./node bench/gpu/measure.mjs "$@" | tee webgpu.jsonl
cat cache/densenet/gpus/*.json 2>/dev/null
if python3 -c 'import torch' 2>/dev/null; then timeout 180 python3 bench/gpu/pytorch.py "$@" | tee pytorch.jsonl; fi
THERE
chmod +x "$home/measure.sh"
XZ_OPT='-6 -T2' tar cJf "$target" -C "$room" densenet-gpu
ls -l "$target"
