"""Writes test/oracles/metrics/exactMatch.json: whether two texts are equal after Python's str.strip.

    python test/oracles/make/exactMatch.py
"""

import json
from pathlib import Path

OUT = Path(__file__).parents[1] / "metrics" / "exactMatch.json"

CHARACTERS = [*range(0x00, 0x30), 0x7F, 0x85, 0x86, 0xA0, 0xAD, 0x1680, 0x180E, *range(0x2000, 0x2010), 0x2028, 0x2029, 0x202F,
              0x205F, 0x2060, 0x3000, 0xFEFF, 0xFFFD]
TEXTS = ["Paris", "two words", "\u0130stanbul", ""]


def main():
    pairs = [(f"{text}{chr(c)}", text) for text in TEXTS for c in CHARACTERS]
    pairs += [(f"{chr(c)}\n{text}", text) for text in TEXTS[:1] for c in CHARACTERS]
    pairs += [("paris", "Paris"), ("Paris", "Pari s"), ("two\u00a0words", "two words"), ("stra\u00dfe", "strasse"), ("e\u0301", "\u00e9")]
    cases = [{"prediction": p, "reference": r, "match": int(p.strip() == r.strip())} for p, r in pairs]
    OUT.write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")


main()
