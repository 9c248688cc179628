"""Prints the characters that the JavaScript engine normalizes and Hugging Face tokenizers, with its older Unicode, leaves alone.

    pip install tokenizers
    python test/oracles/make/unicode_forms.py      # `unknownToTheirs` of src/text/unicodeForms.ts

With the newest Node, so that no engine that runs the package knows more.
"""

import json
import subprocess

from tokenizers import normalizers

# A mark of the highest and one of the lowest combining class show whether a character is a mark too: it changes places.
ENGINE = r"""
const active = [];
const firsts = {};
for (let code = 0x80; code < 0x110000; code++) {
  if (code >= 0xd800 && code < 0xe000) continue;
  const s = String.fromCodePoint(code);
  const moves = ['a\u0345' + s, 'a' + s + '\u0334'].some((text) => text.normalize('NFD') !== text);
  if (moves || s.normalize('NFKD') !== s) active.push(code);
  const parts = s.normalize('NFD');
  if (parts !== s && parts.normalize('NFC') === s) firsts[code] = parts.codePointAt(0);
}
console.log(JSON.stringify({ active, firsts }));
"""
nfd, nfkd = normalizers.NFD(), normalizers.NFKD()
known = json.loads(subprocess.run(["node", "-e", ENGINE], check=True, capture_output=True, text=True).stdout)
new = set()
for code in known["active"]:
    character = chr(code)
    marks = (f"a\u0345{character}", f"a{character}\u0334")
    if nfkd.normalize_str(character) != character or any(nfd.normalize_str(text) != text for text in marks):
        continue
    new.add(code)
    # What a new character decomposes to begins with one that theirs does not compose.
    if str(code) in known["firsts"]:
        new.add(known["firsts"][str(code)])
ranges = []
for code in sorted(new):
    if ranges and ranges[-1][1] == code - 1:
        ranges[-1][1] = code
    else:
        ranges.append([code, code])
print("".join(f"\\u{{{a:x}}}" + ("" if a == b else f"-\\u{{{b:x}}}") for a, b in ranges))
