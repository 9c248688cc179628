#!/bin/sh
# Runs distillm's benchmarks on this machine's GPU: README.txt says how.
here=$(cd "${0%/*}" && pwd) || exit 1

for word in "$@"; do
  case $word in -h | --help) exec cat "$here/README.txt" ;; esac
done

# The system's Vulkan loader, or ours where it has none.
loader=
for found in /usr/lib*/libvulkan.so.1 /usr/lib*/*/libvulkan.so.1 /usr/local/lib*/libvulkan.so.1; do
  [ -e "$found" ] && loader=$found
done
if [ -z "$loader" ]; then
  export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi

# --software may stand anywhere.
for word in "$@"; do
  shift
  if [ "$word" = --software ]; then
    export VK_ICD_FILENAMES="$here/lib/vk_swiftshader_icd.json" VK_DRIVER_FILES="$here/lib/vk_swiftshader_icd.json"
    word=--allow-software
  fi
  set -- "$@" "$word"
done
exec "$here/node" --no-warnings "$here/main.mjs" "$@"
