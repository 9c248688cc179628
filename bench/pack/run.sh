#!/bin/sh
# Checks distillm on this machine's GPU and measures it beside PyTorch, in at most 8 minutes: README.txt says more.
here=$(cd "${0%/*}" && pwd) || exit 1

for word in "$@"; do
  case $word in -h | --help) exec cat "$here/README.txt" ;; esac
done
if ! "$here/node" --version >/dev/null; then
  echo "The packed Node does not start here. It needs x86-64 Linux with glibc 2.28 or later; this is:" >&2
  uname -a >&2
  ldd --version 2>&1 | head -1 >&2
  exit 1
fi

# --software may be anywhere.
for word in "$@"; do
  shift
  if [ "$word" = --software ]; then
    export VK_ICD_FILENAMES="$here/lib/vk_swiftshader_icd.json" VK_DRIVER_FILES="$here/lib/vk_swiftshader_icd.json"
    word=--allow-software
  fi
  set -- "$@" "$word"
done
exec "$here/node" --no-warnings "$here/pack/main.mjs" "$@"
