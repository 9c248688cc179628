#!/bin/sh
# Checks distillm on this machine's GPU and measures it beside PyTorch, in at most 8 minutes: README.txt says more.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 1

for word in "$@"; do
  case $word in -h | --help) exec cat "$here/README.txt" ;; esac
done

# --software may be anywhere.
swiftshader="$here/lib/vk_swiftshader_icd.json"
for word in "$@"; do
  shift
  if [ "$word" = --software ]; then
    if [ ! -e "$swiftshader" ]; then
      echo "--software: this archive has no software adapter. Make one that has: npm run gpu:pack -- --software" >&2
      exit 2
    fi
    export VK_ICD_FILENAMES="$swiftshader" VK_DRIVER_FILES="$swiftshader"
    word=--allow-software
  fi
  set -- "$@" "$word"
done

describe() {
  uname -a >&2
  ldd --version 2>&1 | head -1 >&2
}
if ! "$here/node" --version >/dev/null; then
  echo "The packed Node does not start here. It needs x86-64 Linux with glibc 2.28 or later; this is:" >&2
  describe
  exit 1
fi
# Dawn needs newer libraries than Node.
load='try { process.dlopen({ exports: {} }, process.argv[1]) } catch (error) { console.log(error.message.split("\n")[0]); process.exit(1) }'
if ! missing=$("$here/node" -e "$load" "$here/node_modules/webgpu/dist/linux-x64/dawn.node" 2>&1); then
  echo "WebGPU (Dawn) does not load here: ${missing:-it ends the process}" >&2
  echo "It needs glibc 2.34 and libstdc++ of GCC 12 (GLIBCXX_3.4.30) or later: Ubuntu 22.04, Debian 12, Fedora 36; this is:" >&2
  describe
  exit 1
fi
exec "$here/node" --no-warnings "$here/pack/main.mjs" "$@"
