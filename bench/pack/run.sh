#!/bin/sh
# Runs distillm's benchmarks on this machine's GPU. Needs Linux x64 with glibc 2.34, libstdc++ and a Vulkan driver.
#   ./run.sh                    everything
#   ./run.sh --filter gemm      suites whose name has "gemm"
#   ./run.sh --size tiny        tiny shapes
#   ./run.sh --software         the software adapter that comes along, where there is no GPU (slow: add --size tiny)
here=$(cd "${0%/*}" && pwd) || exit 1

# The system's Vulkan loader, or ours where it has none.
loader=
for found in /usr/lib*/libvulkan.so.1 /usr/lib*/*/libvulkan.so.1 /usr/local/lib*/libvulkan.so.1; do
  [ -e "$found" ] && loader=$found
done
if [ -z "$loader" ]; then
  export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi

if [ "$1" = --software ]; then
  shift
  export VK_ICD_FILENAMES="$here/lib/vk_swiftshader_icd.json" VK_DRIVER_FILES="$here/lib/vk_swiftshader_icd.json"
  set -- --allow-software "$@"
fi
exec "$here/node" --no-warnings "$here/main.mjs" "$@"
