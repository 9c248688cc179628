"""Writes test/oracles/metrics/{stems,rouge}.json: stems of NLTK's extended Porter stemmer, ROUGE of rouge_score.

    pip install nltk rouge_score
    python test/oracles/make/rouge.py
"""

import itertools
import json
import random
from pathlib import Path

from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer

from oddTexts import pairs as odd_pairs

OUT = Path(__file__).parents[1] / "metrics"

ENGLISH = """
caresses ponies ties caress cats dies flies skies sky spied died lied tied dying lying tying news innings outing cannings
howe proceed exceed succeed feed agreed freed plastered bled motoring sing conflated troubled sized hopping tanned falling
hissing fizzed failing filing happy sky enjoy enjoying by say says day days dye dyed toy boy boys buys berry fly flying
relational conditional rational valenci hesitanci digitizer conformabli radically differently vilely analogously
vietnamization predication operator feudalism decisiveness hopefulness callousness formality sensitivity sensibility
hopefully carefully geology geologi logic logi theology apology triplicate formative formalize electricity electrical
hopeful goodness revival allowance inference airliner gyroscopic adjustable defensible irritant replacement adjustment
dependent adoption homologous communism activate angularity effective bowdlerize probate rate cease controlling roll
add egg off inn ebb oats owed used using use uses ing ed eed ied ies as is us yes yy yyy yyyy syzygy yoyo eye eyes ayes
possibly nobly ably wholly fully dully only early daily gaily equally totally finally usually generally internationalization
nationally traditional organisation organizations responsibilities university universities universe generalizations
abc123 2nd 3rds 1990s x1y2ed a1ing sssss eeeed aeiou rhythm rhythms rhythmically syllable
""".split()

STEMS = ["t", "tr", "by", "y", "oa", "hop", "adjust", "critic", "gener", "employ", "stopp", "roll", "agre", "sky"]
SUFFIXES = """s es ies sses ss ed ied eed ing ying y ly ational tional enci anci izer abli bli alli entli eli ousli
ization ation ator alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness
al ance ence er ic able ible ant ement ment ent ion tion sion ou ism ate iti ous ive ize e ll lle""".split()

PLAIN = "the a dog dogs cat runs running quickly and sat on mat is cats generally hopes hoped 3 42 day days".split()


def drawn_words():
    """Words of letters that the rules look at, with endings on endings: what no list of English words has."""
    rng = random.Random(11)
    words = []
    for _ in range(1500):
        stem = "".join(rng.choices("aeiouybdlmnstwxz19", k=rng.randint(0, 5)))
        words.append(stem + "".join(rng.choices(SUFFIXES, k=rng.randint(1, 3))))
    return words


def text_pairs():
    """Prediction and references: the cases that matter by hand, then random texts of many lengths."""
    pairs = [
        ("The cat sat on the mat.", ["The cat sat on the mat."]),
        ("The cats were sitting", ["a cat sat"]),
        ("", ["something"]),
        ("something", [""]),
        ("", [""]),
        ("... !!", ["?"]),
        ("no overlap here", ["entirely different words"]),
        ("carefully dying days", ["careful die day"]),
        ("It's 5 o'clock; U.S. time", ["its 5 oclock US time", "it s 5 o clock u s time"]),
        ("na\u00efve caf\u00e9 stra\u00dfe", ["naive cafe strasse", "na ve caf stra e"]),
        ("\u5317\u4eac is big", ["Beijing is big"]),
        ("\u212a\u0130 kelvin and dotted I", ["k i kelvin and dotted i"]),
        ("a\tb\nc\r\nd\u00a0e", ["a b c d e"]),
        ("UPPER lower MiXeD", ["upper LOWER mixed"]),
        ("b a c a b", ["a b c b a", "c", "b b b"]),
        ("one_two-three", ["one two three", "onetwothree"]),
        *((f"the{chr(c)}cats{chr(c)}sat{chr(c)}", ["the cat sat", f"the cats{chr(c)}"]) for c in [
            0x1C, 0x1D, 0x1E, 0x1F, 0x85, 0xA0, 0xFEFF, 0x200B, 0x2028, 0x180E, 0x3000, 0xAD, 0x00, 0x7F]),
        # Cased characters: Kelvin and Angstrom signs, dotted and dotless i, sharp s, long s, final sigma, full width.
        ("\u212Aelvins \u212B \u0130ts \u0131t \u1E9E \u017Fets \u03A3\u03C2 \uFF21\uFF22", ["kelvin a i ts it ss sets s ab"]),
        ("\u0661\u0662 \u00B2 \u2160 \u24B6 1", ["12 2 i a 1"]),
    ]
    rng = random.Random(7)
    for length in [1, 2, 3, 5, 8, 13, 21, 34, 55, 90] * 4 + [1, 2, 3, 4]:
        prediction = " ".join(rng.choices(PLAIN, k=length))
        pairs.append((prediction, [" ".join(rng.choices(PLAIN, k=rng.randint(1, 2 * length))) for _ in range(rng.randint(1, 3))]))
    # Texts of several lines, some of them empty.
    for _ in range(40):
        lines = lambda: "\n".join(" ".join(rng.choices(PLAIN, k=rng.randint(0, 12))) for _ in range(rng.randint(1, 6)))
        pairs.append((lines(), [lines() for _ in range(rng.randint(1, 2))]))
    return pairs + odd_pairs(random.Random(23))


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    stemmer = PorterStemmer()
    made = [stem + suffix for stem, suffix in itertools.product(STEMS, SUFFIXES)]
    words = list(dict.fromkeys(ENGLISH + made + drawn_words()))
    stems = [[word, stemmer.stem(word)] for word in words]
    (OUT / "stems.json").write_text("[\n" + ",\n".join(map(json.dumps, stems)) + "\n]\n")

    kinds = ["rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum"]
    scorers = {name: rouge_scorer.RougeScorer(kinds, use_stemmer=name == "stemmed") for name in ["stemmed", "plain"]}
    cases = []
    for prediction, references in text_pairs():
        case = {"prediction": prediction, "references": references}
        for name, scorer in scorers.items():
            scores = [scorer.score(reference, prediction) for reference in references]
            case[name] = {kind: max(score[kind].fmeasure for score in scores) for kind in kinds}
        cases.append(case)
    (OUT / "rouge.json").write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")


main()
