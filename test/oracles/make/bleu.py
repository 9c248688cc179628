"""Writes test/oracles/metrics/{bleu,bleuOptions,diversity}.json: BLEU of sacrebleu with its default options and with others,
self-BLEU by it, and distinct-n of the tokens that it cuts.

    pip install sacrebleu
    python test/oracles/make/bleu.py
"""

import json
import random
from pathlib import Path

from sacrebleu.metrics import BLEU

from oddTexts import TEXTS, pairs as odd_pairs

OUT = Path(__file__).parents[1] / "metrics"

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


# Options as they are called here, and as sacrebleu calls them.
OPTIONS = [
    *({"tokenization": name, "lowercase": lower} for name in ["13a", "intl", "char", "none"] for lower in [False, True]),
    *({"smoothing": name, **value} for name, values in [("floor", [{}, {"smoothingValue": 0.5}]), ("add-k", [{}, {"smoothingValue": 0.25}]),
                                                        ("none", [{}]), ("exp", [{}])] for value in values),
]
NAMES = {"tokenization": "tokenize", "lowercase": "lowercase", "smoothing": "smooth_method", "smoothingValue": "smooth_value",
         "effectiveOrder": "effective_order"}


def metric(options):
    return BLEU(**{NAMES[name]: value for name, value in options.items()})


def told(score):
    return {"score": score.score, "precisions": score.precisions, "brevityPenalty": score.bp, "length": score.sys_len,
            "referenceLength": score.ref_len}


def corpus_score(options, predictions, references):
    """sacrebleu takes a stream of references each; where a prediction has fewer than others, there is None in it."""
    most = max(map(len, references))
    streams = [[each[i] if i < len(each) else None for each in references] for i in range(most)]
    return metric(options).corpus_score(predictions, streams)


def option_cases():
    """Single texts and small corpora of odd ones, by every option."""
    rng = random.Random(31)
    pairs = odd_pairs(rng)
    for i, options in enumerate(OPTIONS):
        for effective in [False, True]:
            chosen = {**options, **({"effectiveOrder": True} if effective else {})}
            # Every pair is in some case.
            for prediction, references in pairs[i % 12 :: 12]:
                yield chosen, [prediction], [references]
            yield chosen, *CORPORA["two references"]
            for _ in range(2):
                drawn = rng.sample(pairs, 6)
                yield chosen, [prediction for prediction, _ in drawn], [references for _, references in drawn]


def diversity_cases():
    rng = random.Random(41)
    words = "the a dog cat ran fast and slowly , .".split()
    sets = [TEXTS[:12], TEXTS[14:30], TEXTS[30:50], ["same text here now"] * 3, ["", ""], ["", "a b"], ["one", "two"]]
    sets += [[" ".join(rng.choices(words, k=rng.randint(1, 12))) for _ in range(rng.randint(2, 9))] for _ in range(20)]
    for texts in sets:
        for options in [{}, {"tokenization": "intl", "lowercase": True}, {"tokenization": "char"}]:
            judge = metric({**options, "effectiveOrder": True})
            alike = [judge.sentence_score(text, texts[:i] + texts[i + 1 :]).score for i, text in enumerate(texts)]
            tokens = [judge._preprocess_segment(text).split() for text in texts]
            grams = {n: [tuple(each[i : i + n]) for each in tokens for i in range(len(each) - n + 1)] for n in [1, 2, 4]}
            yield {"texts": texts, "options": options, "selfBleu": sum(alike) / len(alike),
                   "distinct": {n: 100 * len(set(all)) / len(all) if all else 0 for n, all in grams.items()}}


def write(name, cases):
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")


def main():
    cases = []
    for name, (predictions, references) in {**CORPORA, **dict(space_corpora()), "random": random_corpus()}.items():
        cases.append({"name": name, "predictions": predictions, "references": references,
                      **told(corpus_score({}, predictions, references))})
    write("bleu.json", cases)
    write("bleuOptions.json", [
        {"options": options, "predictions": predictions, "references": references,
         **told(corpus_score(options, predictions, references))}
        for options, predictions, references in option_cases()
    ])
    write("diversity.json", diversity_cases())


main()
