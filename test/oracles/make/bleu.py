"""Writes test/oracles/metrics/bleu.json: corpus BLEU of sacrebleu with its default options.

    pip install sacrebleu
    python test/oracles/make/bleu.py
"""

import json
import random
from pathlib import Path

import sacrebleu

OUT = Path(__file__).parents[1] / "metrics" / "bleu.json"

# Predictions, and the references of each.
CORPORA = {
    "equal": (["The dog bit the man."], [["The dog bit the man."]]),
    "two references": (
        ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."],
        [
            ["The dog bit the man.", "The dog had bit the man."],
            ["It was not unexpected.", "No one was surprised."],
            ["The man bit him first.", "The man had bitten the dog."],
        ],
    ),
    "no match of four": (["the cat is here now"], [["the dog is there"]]),
    "no match at all": (["aa bb cc dd"], [["the dog is there"]]),
    "shorter than four words": (["the dog"], [["the dog"]]),
    "empty prediction among others": (["", "the cat sat on the mat today"], [["something"], ["the cat sat on the mat"]]),
    "only empty predictions": ([""], [["something"]]),
    "too short": (["the cat sat on"], [["the cat sat on the mat in the old house"]]),
    "repeated words": (["the the the the the the the"], [["the cat is on the mat the end", "there is a cat"]]),
    "closest length, tie": (["a b c d e"], [["a b c d e f", "a b c d"]]),
    "punctuation": (
        ['He paid $1,234.50 (on 3-4 May); "fine" &amp; well -- x<y [ok] {a|b} ~1', "end of line-\nbreak here\n and e.g. a.m. 5.5."],
        [['He paid $1,234.5 (on 3-4 May): "fine" & well - x &lt; y [ok] {a|b} ~ 1'], ["end of linebreak here and e.g. a.m. 5.5"]],
    ),
    "unicode": (
        ["Der große Hund läuft — über die Straße. 北京 很 大 😀 !", "na\u00efve\u00a0caf\u00e9 \u2009thin …"],
        [["Der große Hund lief – über die Straße. 北京 很 大 😀!"], ["na\u00efve\u00a0caf\u00e9 thin …"]],
    ),
    "trailing white space": (["the cat sat on the mat  \n"], [["the cat sat on the mat"]]),
}


# What Python, JavaScript or neither takes for white space; cased and joining characters.
SPACES = [chr(c) for c in [
    *range(0x09, 0x0E), *range(0x1C, 0x21), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
    0xFEFF, 0x200B, 0x200C, 0x200D, 0x2060, 0x180E, 0x00AD, 0x0000, 0x0008, 0x001B, 0x007F, 0x0086]]


def space_corpora():
    """A character between words, before a stop, around a number and at both ends."""
    for space in SPACES:
        text = f"{space}the{space}cat{space}. sat 3{space}.{space}5 -{space}on x-{space}\ny{space}{space}mat{space}"
        yield f"U+{ord(space):04X}", ([text], [["the cat . sat 3 . 5 - on x- y mat"]])


def random_corpus():
    rng = random.Random(3)
    words = "the a dog cat , . ran fast 12 3.5 U.S. and's - over".split()
    sentence = lambda: " ".join(rng.choices(words, k=rng.randint(1, 25)))
    return [sentence() for _ in range(20)], [[sentence(), sentence()] for _ in range(20)]


def main():
    cases = []
    for name, (predictions, references) in {**CORPORA, **dict(space_corpora()), "random": random_corpus()}.items():
        streams = [list(stream) for stream in zip(*references)]
        bleu = sacrebleu.corpus_bleu(predictions, streams)
        cases.append({
            "name": name, "predictions": predictions, "references": references, "score": bleu.score,
            "precisions": bleu.precisions, "brevityPenalty": bleu.bp, "length": bleu.sys_len, "referenceLength": bleu.ref_len,
        })
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")


main()
