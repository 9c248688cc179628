"""Writes test/oracles/metrics/{exactMatch,normalizedMatch}.json: whether two texts are equal after Python's str.strip, and
by the normalisations of Super-NaturalInstructions (as its paper and repository describe it) and of SQuAD (torchmetrics).

    pip install torch torchmetrics
    python test/oracles/make/exactMatch.py
"""

import json
import random
import string
from pathlib import Path

from torchmetrics.functional.text import squad

from oddTexts import TEXTS as ODD

OUT = Path(__file__).parents[1] / "metrics"

CHARACTERS = [*range(0x00, 0x30), 0x7F, 0x85, 0x86, 0xA0, 0xAD, 0x1680, 0x180E, *range(0x2000, 0x2010), 0x2028, 0x2029, 0x202F,
              0x205F, 0x2060, 0x3000, 0xFEFF, 0xFFFD]
TEXTS = ["Paris", "two words", "\u0130stanbul", ""]


def by_instructions(text):
    """Lower case, no punctuation of ASCII, single spaces."""
    return " ".join("".join(c for c in text.lower() if c not in string.punctuation).split())


def by_squad(prediction, reference):
    answers = {"id": "0", "answers": {"answer_start": [0], "text": [reference]}}
    return int(squad([{"id": "0", "prediction_text": prediction}], [answers])["exact_match"] == 100)


def spoilt(text, rng):
    """The text with articles, marks and spaces where a normalisation may take them away, and where it may not."""
    words = text.split()
    for extra in rng.choices(["the", "a", "an", "The", "AN", ".", ",", "!", "\u00ab", "_", "the_", "\u0301", "\u00b2", "\u200b", " \u3000 "], k=3):
        words.insert(rng.randint(0, len(words)), extra)
    return rng.choice([" ", "", "\u00a0"]).join(words) if rng.random() < 0.2 else " ".join(words)


def write(name, cases):
    (OUT / name).write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")


def main():
    pairs = [(f"{text}{chr(c)}", text) for text in TEXTS for c in CHARACTERS]
    pairs += [(f"{chr(c)}\n{text}", text) for text in TEXTS[:1] for c in CHARACTERS]
    pairs += [("paris", "Paris"), ("Paris", "Pari s"), ("two\u00a0words", "two words"), ("stra\u00dfe", "strasse"), ("e\u0301", "\u00e9")]
    write("exactMatch.json", [{"prediction": p, "reference": r, "match": int(p.strip() == r.strip())} for p, r in pairs])

    rng = random.Random(19)
    pairs = [(spoilt(text, rng), text) for text in ODD for _ in range(6)] + [(text.upper(), text) for text in ODD]
    pairs += [("The Eiffel Tower!", "eiffel tower"), ("the", ""), ("an a the", " "), ("theatre", "tre"), ("-5", "5"), ("U.S.", "us")]
    write("normalizedMatch.json", [
        {"prediction": p, "reference": r, "naturalInstructions": int(by_instructions(p) == by_instructions(r)), "squad": by_squad(p, r)}
        for p, r in pairs
    ])


main()
