"""What Hugging Face's UnigramTrainer makes of texts: test/oracles/tokenizer/unigramTraining.json.

    pip install tokenizers
    python test/oracles/make/unigram_training.py

The trainer adds up in an order of its own each time, so that scores differ in their last digits, and pieces that are equally
good may be others. A case whose pieces are not the same every time is refused.
"""

import json
import os
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

OUT = Path(__file__).parents[1] / "tokenizer"
CORPUS = json.loads((OUT / "corpus.json").read_text())
SPECIAL = ["<|endoftext|>", "<unk>"]
REQUIRED = list("<0x123456789ABCDEF>")
MARK = "\u2581"
REPEATED = ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa a aa aaa", "abab abab ababab", "line one\nline two\n", "der die das der der"] * 3
CASES = {
    "many languages": {"texts": CORPUS, "vocabSize": 420},
    "few characters": {"texts": [t for t in CORPUS if max(map(ord, t), default=0) < 0x3000 and min(map(ord, t), default=0) < 0x250], "vocabSize": 400},
    "runs": {"texts": REPEATED, "vocabSize": 62},
}


def pieces(texts, vocab_size):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=MARK, prepend_scheme="never", split=True)
    trainer = trainers.UnigramTrainer(vocab_size=vocab_size, special_tokens=SPECIAL, unk_token="<unk>", initial_alphabet=REQUIRED, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return json.loads(tokenizer.to_str())["model"]["vocab"][len(SPECIAL):]


def main():
    result = {}
    for name, case in CASES.items():
        found = [pieces(case["texts"], case["vocabSize"]) for _ in range(4)]
        same = {frozenset(text for text, _ in each) for each in found}
        print(name, len(found[0]), "pieces,", len(same), "different sets")
        assert len(same) == 1, name
        texts = None if case["texts"] is CORPUS else case["texts"]
        result[name] = {"texts": texts, "vocabSize": case["vocabSize"],
                        "pieces": [[text, float(f"{score:.9g}")] for text, score in found[0]]}
    (OUT / "unigramTraining.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


main()
