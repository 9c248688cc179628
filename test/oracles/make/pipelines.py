"""Writes test/oracles/pipelines/: small tokenizers of every kind and what their own libraries do with texts.

    pip install tokenizers sentencepiece tiktoken
    node test/oracles/make/locales.mjs && python test/oracles/make/pipelines.py

The texts are those of ../tokenizer/cases.json and locales.json. A case keeps one digest a text, of its ids and of the text that
they decode to; and under "mixed" one for every 50 of 2,400 texts that are put together of pieces of these ("skipped": of both, decoded
without special tokens).

characters.json    BPE over characters with byte fallback, trained here, as tokenizer.json
unigram.model      Unigram by SentencePiece, with a small charsmap; bpe.model is BPE
cases.json         variants of ../tokenizer/tokenizer.json, characters.json, unigram.model and bpe.model
"""

import base64
import io
import json
from pathlib import Path

import sentencepiece
import tiktoken
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

ORACLES = Path(__file__).parents[1]
OUT = ORACLES / "pipelines"
BYTES = json.loads((ORACLES / "tokenizer/tokenizer.json").read_text())
CORPUS = json.loads((ORACLES / "tokenizer/corpus.json").read_text())
CASES = json.loads((ORACLES / "tokenizer/cases.json").read_text())
LOCALES = json.loads((OUT / "locales.json").read_text())
EXTRA = ["ab\u017f'\u017f it'\u017f", "\u2581", "\u2581a b\u2581", "a\u2581\u2581 b", "<0x41>", "<s>a</s>", "<unk>", "ﬁ\u0301 ª\u0301x e\u0301\u0302", "Ａ１\u3000Ｂ ²½", "ª\u102bx ª\u1038y ª\u1acfz", "!!!!!! thethe", "\u2581\u2581 \u2581a"]
# Every control character, every kind of white space, and format characters of each block: in a word, alone, in a run, at the ends.
RANGES = [
    (0x00, 0x20), (0x7F, 0xA0), (0xAD, 0xAD), (0x600, 0x605), (0x61C, 0x61C), (0x6DD, 0x6DD), (0x70F, 0x70F), (0x890, 0x891), (0x8E2, 0x8E2),
    (0x1680, 0x1680), (0x180B, 0x180F), (0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x206F), (0x3000, 0x3000), (0xFE00, 0xFE00), (0xFE0F, 0xFE0F),
    (0xFEFF, 0xFEFF), (0xFFF0, 0xFFF0), (0xFFF9, 0xFFFF), (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x13431), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D174), (0x1FFFE, 0x1FFFF), (0xE0001, 0xE0001), (0xE0020, 0xE0021), (0xE007F, 0xE007F), (0xE0100, 0xE0100), (0xE000, 0xE000),
    (0xF0000, 0xF0000), (0x10FFFF, 0x10FFFF),
]
ODD = [chr(code) for first, last in RANGES for code in range(first, last + 1)]
EXTRA += [f"{c}the{c}cat {c} {c}{c}a\n{c}1{c}2 {c}" for c in ODD]
TEXTS = list(dict.fromkeys([*CASES["plain"]["texts"], *CASES["added tokens"]["texts"], *LOCALES, *EXTRA]))
BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]
MARK = "\u2581"


def digest(numbers):
    value = 0x811C9DC5
    for number in numbers:
        value = ((value ^ number) * 0x01000193) & 0xFFFFFFFF
    return value


def mixed_texts(count):
    """Texts of two to four pieces of others, cut anywhere. The test draws the same."""
    pieces = [list(text) for text in TEXTS if text]
    state = 1

    def draw(below):
        nonlocal state
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (state >> 8) % below

    def piece():
        text = pieces[draw(len(pieces))]
        start = draw(len(text))
        return "".join(text[start : start + 1 + draw(24)])

    return ["".join(piece() for _ in range(2 + draw(3))) for _ in range(count)]


MIXED = mixed_texts(2400)
GROUP = 50


def numbers_of(texts, encode, decode):
    for text in texts:
        ids = encode(text)
        yield from (*ids, 0xFFFFFFFF, *decode(ids).encode())


def digests(encode, decode):
    return [digest(numbers_of([text], encode, decode)) for text in TEXTS]


def grouped_digests(texts, encode, decode):
    return [digest(numbers_of(texts[i : i + GROUP], encode, decode)) for i in range(0, len(texts), GROUP)]


def mixed_digests(encode, decode):
    return grouped_digests(MIXED, encode, decode)


def added(content, id, **flags):
    known = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
    return {"id": id, "content": content, **known, **flags}


def marks(first):
    """Added tokens with all flags; `first` is the first free id."""
    flags = [
        ("<l>", dict(lstrip=True, special=True)), ("<r>", dict(rstrip=True)), ("<lr>", dict(lstrip=True, rstrip=True, special=True)),
        ("word", dict(single_word=True, normalized=True)), ("<n>", dict(normalized=True)), ("<n><n>", dict(normalized=True, special=True)),
        (" <sp>", {}), ("éé", dict(normalized=True)), ("日本", dict(single_word=True, lstrip=True)), ("<w>", dict(single_word=True, special=True)),
    ]
    return [added(content, first + i, **each) for i, (content, each) in enumerate(flags)]


# BPE over characters
trained = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
trained.pre_tokenizer = pre_tokenizers.Metaspace()
special = ["<unk>", "<s>", "</s>"]
trained.train_from_iterator(
    CORPUS, trainers.BpeTrainer(vocab_size=900, special_tokens=special + BYTE_TOKENS, limit_alphabet=180, show_progress=False)
)
characters = json.loads(trained.to_str())
characters["added_tokens"] = [added(token, id, special=True) for id, token in enumerate(special)]
characters["pre_tokenizer"] = None
characters["normalizer"] = {"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": MARK}, {"type": "Replace", "pattern": {"String": " "}, "content": MARK}]}
characters["decoder"] = {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": MARK}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
characters["model"]["merges"] = [[a, b] for a, b in characters["model"]["merges"]]
(OUT / "characters.json").write_text(json.dumps(characters, separators=(",", ":")) + "\n")

# SentencePiece, with a charsmap that is small: what NFKC does with some characters, and some of what nmt_nfkc does.
RULES = {
    **{chr(0xFF01 + i): chr(0x21 + i) for i in range(94)}, "\u3000": " ", "\u00a0": " ", "\t": " ", "\n": " ", "\r": " ", "ﬁ": "fi", "ﬀ": "ff", "ª": "a",
    "²": "2", "½": "1⁄2", "…": "...", "Å": "Å", "e\u0301": "é", "a\u0308": "ä", "\u200b": "", "\ufeff": "", "\u0000": "", "™": "TM", "①": "1", "㍿": "株式会社",
    "\u00ad": "", "\u2028": " ", "\u0600": "", "ｶ\uff9e": "ガ", "ｶ": "カ",
}
rules = OUT / "rules.tsv"
rules.write_text("".join(
    " ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n" for a, b in RULES.items() if a not in ("\u0000", b)
))


def train(kind, size, **options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=size, model_type=kind, character_coverage=0.995, minloglevel=2,
        num_threads=1, normalization_rule_tsv=str(rules), **options,
    )
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    # It would name a folder of whoever runs this.
    proto.normalizer_spec.normalization_rule_tsv = ""
    return proto.SerializeToString()


unigram = train("unigram", 420, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
bpe = train("bpe", 720, byte_fallback=True, add_dummy_prefix=True, remove_extra_whitespaces=False)
rules.unlink()
(OUT / "unigram.model").write_bytes(unigram)
(OUT / "bpe.model").write_bytes(bpe)


def unigram_json():
    proto = sentencepiece_model_pb2.ModelProto.FromString(unigram)
    return {
        "added_tokens": [added(p.piece, i, special=True) for i, p in enumerate(proto.pieces) if p.type in (2, 3)],
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()},
        "pre_tokenizer": {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "always", "split": True},
        "post_processor": None,
        "decoder": {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "always", "split": True},
        "model": {"type": "Unigram", "unk_id": 2, "vocab": [[p.piece, p.score] for p in proto.pieces], "byte_fallback": False},
    }


def split(regex, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": invert}


def sequence(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


def template(token, id):
    return {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}},
    }


LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
WORDS = {**LEVEL, "use_regex": True}
ENDS = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
CL100K = SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + ENDS
bytes_pre = {
    "llama 3": sequence(split(CL100K), LEVEL),
    "qwen 2": sequence(split(SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + ENDS), LEVEL),
    "smollm 2": sequence({"type": "Digits", "individual_digits": True}, WORDS),
    "starcoder": sequence({"type": "Digits", "individual_digits": False}, {**WORDS, "add_prefix_space": True}),
    "gpt-4o": sequence(split(
        rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{SHORT}?|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{SHORT}?|\p{{N}}{{1,3}}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n/]*" + ENDS), LEVEL),
    "deepseek": sequence(
        split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"),
        split(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*" + ENDS), LEVEL),
    "bloom": sequence(split(" ?[^(\\s|[.,!?…。，、।۔،])]+"), LEVEL),
    "qwen 3.5": sequence(split(
        SHORT + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*" + ENDS), LEVEL),
    "possessive": sequence(split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s*[\r\n]|\s+(?!\S)|\s"), LEVEL),
    **{
        f"split {behavior}{' inverted' if invert else ''}": sequence(split(r"\s|[,.!]+|the", behavior, invert), LEVEL)
        for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous") for invert in (False, True)
    },
    "split at a text": sequence({"type": "Split", "pattern": {"String": "e "}, "behavior": "MergedWithPrevious", "invert": False}, LEVEL),
}
last = lambda json: max(max(json["model"]["vocab"].values()), *(t["id"] for t in json["added_tokens"])) + 1
bytes_added = BYTES["added_tokens"] + marks(last(BYTES))
metaspace = lambda scheme, split: {"type": "Metaspace", "replacement": MARK, "prepend_scheme": scheme, "split": split}
spaces = {"type": "Replace", "pattern": {"String": " "}, "content": MARK}
with_marks = {"added_tokens": characters["added_tokens"] + marks(last(characters))}
short_decoder = {"type": "Sequence", "decoders": characters["decoder"]["decoders"][:3]}
unigram_base = unigram_json()
unigram_marks = {"added_tokens": unigram_base["added_tokens"] + marks(len(unigram_base["model"]["vocab"]))}
charsmap = unigram_base["normalizer"]
with_bytes = {**unigram_base["model"], "byte_fallback": True, "vocab": unigram_base["model"]["vocab"] + [[t, 0.0] for t in BYTE_TOKENS]}

# Each case: the base, and the fields of tokenizer.json that it changes; "model" changes fields of the model.
cases = {
    **{name: ("bytes", {"pre_tokenizer": pre, "added_tokens": bytes_added}) for name, pre in bytes_pre.items()},
    "ignoring merges": ("bytes", {"pre_tokenizer": bytes_pre["llama 3"], "model": {"ignore_merges": True}, "dropMerges": 3}),
    "nfc": ("bytes", {"normalizer": {"type": "NFC"}, "added_tokens": bytes_added}),
    "nfkc and nfd": ("bytes", {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "NFD"}]}}),
    "roberta": ("bytes", {"post_processor": {
        "type": "RobertaProcessing", "sep": ["<|pad|>", 1], "cls": ["<|endoftext|>", 0], "trim_offsets": True, "add_prefix_space": False}}),
    "llama 2": ("characters", {"post_processor": template("<s>", 1)}),
    "llama 2, added tokens": ("characters", with_marks),
    "mistral": ("characters", {"normalizer": None, "pre_tokenizer": metaspace("first", False), **with_marks}),
    "metaspace that cuts": ("characters", {"normalizer": None, "pre_tokenizer": metaspace("always", True), **with_marks}),
    "gemma": ("characters", {"normalizer": spaces, "decoder": short_decoder, "pre_tokenizer": {
        "type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}}),
    "unknown, fused": ("characters", {"model": {"byte_fallback": False}}),
    "unknown": ("characters", {"model": {"byte_fallback": False, "fuse_unk": False}}),
    "unknown left out": ("characters", {"model": {"byte_fallback": False, "unk_token": None}}),
    "characters, ignoring merges": ("characters", {
        "normalizer": None, "pre_tokenizer": metaspace("always", True), "model": {"ignore_merges": True}, "dropMerges": 3}),
    "t5": ("unigram", {"post_processor": {**template("</s>", 1), "single": template("</s>", 1)["single"][::-1]}}),
    "t5, added tokens": ("unigram", unigram_marks),
    "mt5": ("unigram", {"normalizer": {"type": "Sequence", "normalizers": [
        charsmap, {"type": "Strip", "strip_left": False, "strip_right": True}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": MARK}]}}),
    "t5, older": ("unigram", {"pre_tokenizer": sequence({"type": "WhitespaceSplit"}, metaspace("always", True))}),
    "unigram over a whole text": ("unigram", {"pre_tokenizer": metaspace("first", False)}),
    "unigram, byte fallback": ("unigram", {"model": {"byte_fallback": True}, "byteTokens": True}),
}
bases = {"bytes": BYTES, "characters": characters, "unigram": unigram_base}
result = {}
mixed = {"cases": {}, "skipped": {}, "sentencePiece": {}}
for name, (base, changes) in cases.items():
    content = {**bases[base], **{key: value for key, value in changes.items() if key not in ("model", "dropMerges", "byteTokens")}}
    content["model"] = {**(with_bytes if changes.get("byteTokens") else content["model"]), **changes.get("model", {})}
    if "dropMerges" in changes:
        content["model"]["merges"] = [pair for i, pair in enumerate(content["model"]["merges"]) if i % changes["dropMerges"]]
    tokenizer = Tokenizer.from_str(json.dumps({"version": "1.0", **content}))
    decode = lambda ids: tokenizer.decode(ids, skip_special_tokens=False)
    encode = lambda text: tokenizer.encode(text).ids
    result[name] = {"base": base, "changes": changes, "digests": digests(encode, decode)}
    mixed["cases"][name] = mixed_digests(encode, decode)
    skipping = lambda ids: tokenizer.decode(ids, skip_special_tokens=True)
    mixed["skipped"][name] = grouped_digests(TEXTS + MIXED, encode, skipping)

models_of = {}
for name, model in (("unigram", unigram), ("bpe", bpe)):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    # Decoded is compared where nothing is unknown: SentencePiece writes U+2047 for that.
    known = lambda ids: "" if processor.unk_id() in ids else processor.decode(ids)
    models_of[name] = digests(processor.encode, known)
    mixed["sentencePiece"][name] = mixed_digests(processor.encode, known)
alphabet = {}
next_character = 0x100
for byte in range(256):
    visible = 33 <= byte <= 126 or (byte >= 161 and byte != 173)
    alphabet[chr(byte) if visible else chr(next_character)] = byte
    next_character += not visible
special = {t["content"]: t["id"] for t in BYTES["added_tokens"]}
ranks = {bytes(alphabet[c] for c in token): id for token, id in BYTES["model"]["vocab"].items() if token not in special}
pattern = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
encoding = tiktoken.Encoding("oracle", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
with_special = lambda text: encoding.encode(text, allowed_special="all")
tiktoken_case = {"pattern": pattern, "special": special, "digests": digests(with_special, encoding.decode)}
mixed["tiktoken"] = mixed_digests(with_special, encoding.decode)

(OUT / "cases.json").write_text(json.dumps(
    {"extra": EXTRA, "cases": result, "sentencePiece": models_of, "tiktoken": tiktoken_case, "mixed": mixed},
    separators=(",", ":")) + "\n")
for path in sorted(OUT.iterdir()):
    print(f"{path.stat().st_size:8d} {path.name}")
