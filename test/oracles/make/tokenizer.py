"""Writes test/oracles/tokenizer/: a small byte-level BPE vocabulary and what Hugging Face tokenizers does with it.

    pip install tokenizers
    python test/oracles/make/tokenizer.py

corpus.json     texts that the vocabulary is trained on (made here, so that the trainer can be held to its merges)
tokenizer.json  the vocabulary, 600 tokens with specials
training.json   merges of a second training, with other special tokens, on texts that are hard on a trainer
cases.json      variants of tokenizer.json, each with texts, their ids, and the ids decoded
"""

import json
import random
import unicodedata
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

OUT = Path(__file__).parents[1] / "tokenizer"
OUT.mkdir(exist_ok=True)
rng = random.Random(7)

WORDS = {
    "en": "the of and a to in is you that it he was for on are as with his they I at be this have from or one had by word but "
    "not what all were we when your can said there use an each which she do how their if will up other about out many "
    "then them these so some her would make like him into time has look two more write go see number no way could people "
    "my than first water been call who oil its now find long down day did get come made may part don't won't it's we're "
    "they've I'm he'll I'd understanding internationalisation",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat daß "
    "Straße Führer größer Übung",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se le ce il sont été à être déjà "
    "l'homme qu'il œuvre",
    "ru": "и в не на я быть он с что а по это она этот к но они мы весь который из у то за свой",
    "zh": "的 一 是 不 了 人 我 在 有 他 这 中 大 来 上 国 个 到 说 们 中国 我们",
    "ar": "في من على إلى أن التي ما هذا كان عن",
    "hi": "है के में की को और का से कि यह",
}
NUMBERS = ["1", "23", "456", "2024", "3.14", "1,000,000", "٣٤", "½", "Ⅷ", "²"]
MARKS = [".", ",", "!", "?", ";", ":", " -", "…", '"', "»", "。", "()", "[0]", "{}", "==", "->", "\n", "\r\n", "\n\n", "\t"]


def sentence():
    words = WORDS[rng.choice(["en", "en", "en", "de", "fr", "ru", "zh", "ar", "hi"])].split()
    out = []
    for _ in range(rng.randint(3, 14)):
        out.append(rng.choice(words) if rng.random() < 0.9 else rng.choice(NUMBERS))
    return " ".join(out).capitalize() + rng.choice(MARKS)


corpus = [" ".join(sentence() for _ in range(4)) for _ in range(90)]
hard = [
    " ".join("a" * rng.randint(1, 9) for _ in range(200)),
    " ".join("".join(rng.choice("ab") for _ in range(rng.randint(1, 7))) for _ in range(300)),
    "".join(rng.choice("ab \n") for _ in range(600)),
    " ".join(rng.choice(["<s>", "<pad>", "abab", "ababab", "na" * rng.randint(1, 6)]) for _ in range(200)),
    "",
]


def train(texts, vocab_size, special):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


base = train(corpus, 600, ["<|endoftext|>", "<|pad|>"])
base_json = json.loads(base.to_str())
tough = json.loads(train(hard, 400, ["<s>", "<pad>"]).to_str())

EOT = "<|endoftext|>"
texts = [
    "", " ", "  ", "\n", "\r\n", "\r\n\r\n x", "\t\t x", " \n ", "a", " a", "a ", "a  b", "a   ", "   a",
    "Hello, world!", "don't DON'T 'tis it's''s 'S 'll' ''ve we'Re 're 'd'm 't's x's 's", "'", " '", " 's", "' s", "'l", "'r", "'v",
    "3.14159 1,000,000 १२३ ٣٤٥ Ⅷ½²₃ 一二三 𝟘𝟙 ①", "naïve café e\u0301 o\u0308\u0323 \u0301alone",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪🇫🇷 ☕️ #️⃣", "\u0000", "a\u0000b\u0000\u0000 c", "\u0001\u001f\u007f\u0085\u00a0", "\ufeffBOM \ufeff",
    "\u2028x\u2029y\u202fz\u205f \u3000", "\u200b\u200c\u200d\u2060", "e\u00a0\u00a0f", "\u3000\u3000日本語のテキスト。ひらがな カタカナ",
    "Привет, мир! ёЁ", "مرحبا بالعالم ١٢٣", "नमस्ते दुनिया क्षि", "สวัสดีชาวโลก", "안녕하세요 세계", "שלום עולם", "កាន់តែពិសេសអាចខលចេញ",
    "\ufffd\ufffe\uffff", "\U0010ffff\U000e0001 \U0001f9ff", "𐍈𐌰𐌹 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𞤀𞤣", "ǅ ʰ ª º µ ㍿ ﬁ ﬀ Å",
    "if (x == 0) {\n    return x->y[i++]; // ok\n}\n", "https://example.com/a?b=c&d=%20#frag", "a_b__c-d--e  =>  f",
    "supercalifragilisticexpialidocious internationalisationalisation", "ab" * 30, "x" * 100, " " * 40 + "y", "!" * 50, "\n" * 20,
    "A" * 11, " " + "B" * 11, " " + "C" * 12, "dddddddddddd", "the\u00a0the", "it is\u2019s", "mixed\u0301abc123def456", "\u1680ogham\u180e\u2007x",
    EOT, EOT * 2, f"a{EOT}b", f" {EOT} ", f"the end.{EOT}\n\nThe next", "<|endoftext|", "<|endoftext|>|>", "<|<|pad|>|>", "<|pad|> <|pad|>",
]
POOLS = [
    lambda: rng.choice(" \n\t\r\u00a0\u3000  "),
    lambda: chr(rng.randint(32, 126)),
    lambda: rng.choice("'sdtmlrevS"),
    lambda: chr(rng.randint(0xA0, 0x24F)),
    lambda: chr(rng.choice([0x300, 0x301, 0x30A, 0x483, 0x5B0, 0x93C, 0x200D, 0xFE0F, 0x20E3])),
    lambda: chr(rng.choice([rng.randint(0x370, 0x1FFF), rng.randint(0x2000, 0x2BFF), rng.randint(0x3000, 0xD7FF)])),
    lambda: chr(rng.choice([rng.randint(0xE000, 0xFFFF), rng.randint(0x10000, 0x1FFFF), rng.randint(0x20000, 0x10FFFF)])),
    lambda: rng.choice(["the", "and", "und", "из", "中国", "123", "don't", EOT]),
]
for _ in range(220):
    pools = rng.sample(POOLS, rng.randint(1, 4))
    texts.append("".join(rng.choice(pools)() for _ in range(rng.randint(1, 24))))
# One of each class in a row, over the whole of Unicode, so that a wrong class table shows.
by_category = {}
for code in range(0x110000):
    if not 0xD800 <= code < 0xE000:
        by_category.setdefault(unicodedata.category(chr(code)), []).append(chr(code))
for category, characters in sorted(by_category.items()):
    for _ in range(3):
        texts.append("".join("a" + rng.choice(characters) + rng.choice(["", "1", " ", "!"]) for _ in range(12)))


def added(content, id, **flags):
    known = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
    return {"id": id, "content": content, **known, **flags}


marks = base_json["added_tokens"] + [
    added("<l>", 600, lstrip=True, special=True),
    added("<r>", 601, rstrip=True),
    added("<lr>", 602, lstrip=True, rstrip=True, special=True),
    added("word", 603, single_word=True, normalized=True),
    added("<n>", 604, normalized=True),
    added("<n><n>", 605, normalized=True, special=True),
    added("<l><n>", 606),
    added(" <sp>", 607),
    added("éé", 608),
    added("日本", 609, single_word=True, lstrip=True),
    added("<w>", 610, single_word=True, special=True),
]
mark_texts = texts[:24] + [
    "a <l> b", "a <r> b", "a <lr> b", "a \n<l>\t<r>  <lr>  c", "  <l>  <l>  ", "<r>  <l>", "<r> <sp>x <sp>", "word", "a word b", "sword", "words",
    "word word", "(word)", "_word", "word2", "éword", "word\u0301", "wordword word", "<n><n><n>", "<l><n><n>", "<l> <n>", "caféé é éé", "日本", "日本語",
    "私の日本 日本 x", "\u3000<l>", "x\u00a0<lr>\u2003y", f"{EOT}word{EOT}", f"a{EOT}<w>{EOT}b<w>", "<w><w>", "<w> <w>", "1<w>", "<w>\u200d", "ⓐ<w>",
    "\u0345<w>", "¼<w>", "word<n>", "<n>word", "<|endoftext|><l", " <sp><sp>", "<r>\n\n\n", "<r>" * 3, " <l>" * 3,
]
for _ in range(80):
    pieces = [token["content"] for token in marks] + [" ", "  ", "\n", "a", "é", "éé", "x1", "word", "\u00a0"]
    mark_texts.append("".join(rng.choice(pieces) for _ in range(rng.randint(1, 9))))

prefix = {**base_json["pre_tokenizer"], "add_prefix_space": True}
bos_eos = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": EOT, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<|pad|>", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {
        EOT: {"id": EOT, "ids": [0], "tokens": [EOT]},
        "<|pad|>": {"id": "<|pad|>", "ids": [1], "tokens": ["<|pad|>"]},
    },
}


def without(characters, **options):
    """The model without the tokens that contain one of `characters`, and with other options."""
    model = base_json["model"]
    keep = lambda token: not any(c in token for c in characters)
    vocab = {token: id for token, id in model["vocab"].items() if keep(token)}
    merges = [pair for pair in model["merges"] if all(map(keep, pair))]
    return {**model, "vocab": vocab, "merges": merges, **options}


GONE = "zĊð"
variants = {
    "plain": ({}, texts),
    "prefix space": ({"pre_tokenizer": prefix}, texts[:70]),
    "added tokens": ({"added_tokens": marks}, mark_texts),
    "added tokens, prefix space": ({"added_tokens": marks, "pre_tokenizer": prefix}, mark_texts),
    "bos and eos": ({"post_processor": bos_eos}, texts[:30]),
    "bytes missing": ({"model": {"without": GONE, "unk_token": None}}, texts[:60]),
    "bytes missing, unknown": ({"model": {"without": GONE, "unk_token": "?"}}, texts[:60]),
    "bytes missing, unknown fused": ({"model": {"without": GONE, "unk_token": "?", "fuse_unk": True}}, texts[:60]),
}
cases = {}
for name, (changes, strings) in variants.items():
    model = changes.get("model", {})
    content = {**base_json, **changes, "model": without(model.get("without", ""), **{k: model[k] for k in model if k != "without"})}
    tokenizer = Tokenizer.from_str(json.dumps(content))
    strings = list(dict.fromkeys(strings))
    ids = [tokenizer.encode(text).ids for text in strings]
    decoded = [tokenizer.decode(row, skip_special_tokens=False) for row in ids]
    cases[name] = {
        "changes": changes,
        "texts": strings,
        "ids": ids,
        # Only where decoding does not give the text back.
        "decoded": {str(i): d for i, (d, t) in enumerate(zip(decoded, strings)) if d != t},
        "skipped": {str(i): s for i, (row, d) in enumerate(zip(ids, decoded)) if (s := tokenizer.decode(row)) != d},
    }
    for row in ids:
        assert all(tokenizer.id_to_token(id) is not None for id in row)


def write(name, content):
    # \u escapes: some of these characters do not survive editors.
    (OUT / name).write_text(json.dumps(content, separators=(",", ":")) + "\n")


write("corpus.json", corpus)
write("tokenizer.json", base_json)
write("training.json", {"texts": hard, "special": ["<s>", "<pad>"], "vocabSize": 400, "vocab": tough["model"]["vocab"], "merges": tough["model"]["merges"]})
write("cases.json", cases)
for path in sorted(OUT.iterdir()):
    print(f"{path.stat().st_size:8d} {path.name}")
