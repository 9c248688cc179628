"""Chat templates as transformers renders and encodes them: text, ids, and the mask of the assistant's tokens.

    python test/oracles/make/chat.py

The templates are those of the model families; the two tokenizers are tiny, and have the special tokens of all of them.
Llama 3's template asks for today's date: it is given 26 July 2024 here.
"""

import datetime
import json
from pathlib import Path
from unittest import mock

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

here = Path(__file__).parent.parent / "chat"
TEXT = ["You are a helpful assistant. Name three colours. Red, green and blue. What is the sum of 2 and 3? It is 5.",
        "user assistant system model The cat sat on the mat. Answer in one word, please. Thank you very much!"] * 3
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|begin_of_text|>", "<|start_header_id|>",
           "<|end_header_id|>", "<|eot_id|>", "<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>"]
PLAIN = ["<think>", "</think>"]


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=330, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(TEXT, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in PLAIN])
    return tokenizer


def sentence_piece():
    """As LLaMA 2's: a space before the text, bytes for what has no piece, <s> before all."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trainer = trainers.BpeTrainer(vocab_size=120, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False)
    trained.train_from_iterator(TEXT, trainer)
    model = json.loads(trained.to_str())["model"]
    first = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces = first + [piece for piece in model["vocab"] if piece not in first]
    tokenizer = Tokenizer(models.BPE(
        {piece: index for index, piece in enumerate(pieces)},
        [tuple(merge) for merge in model["merges"]], unk_token="<unk>", byte_fallback=True, fuse_unk=True,
    ))
    tokenizer.normalizer = trained.normalizer
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0),
    ])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return tokenizer


SYSTEM = {"role": "system", "content": "Answer in one word, please."}
USER = {"role": "user", "content": "  What is the sum of 2 and 3?\n"}
ANSWER = {"role": "assistant", "content": "It is 5.\n\nÜber 4 \U0001f408, not 6."}
AGAIN = {"role": "user", "content": "Thank you very much!"}
LAST = {"role": "assistant", "content": " You are … welcome "}
CONVERSATIONS = [
    ([USER], True), ([SYSTEM, USER], True), ([USER, ANSWER], False), ([SYSTEM, USER, ANSWER, AGAIN], True),
    ([SYSTEM, USER, ANSWER, AGAIN, LAST], False),
]
THINKING = {"role": "assistant", "content": "<think>\nadd them\n</think>\n\nIt is 5."}
FAMILIES = {
    "smollm2": ("byteLevel", "<|im_start|>", "<|im_end|>"),
    "qwen25": ("byteLevel", None, "<|im_end|>"),
    "qwen3": ("byteLevel", None, "<|im_end|>"),
    "llama32": ("byteLevel", "<|begin_of_text|>", "<|eot_id|>"),
    "gemma3": ("byteLevel", "<bos>", "<eos>"),
    "mistral": ("sentencePiece", "<s>", "</s>"),
    "zephyr": ("sentencePiece", "<s>", "</s>"),
    "tinyllama": ("sentencePiece", "<s>", "</s>"),
    "tagged": ("byteLevel", None, "<|im_end|>"),
    "taggedLines": ("sentencePiece", "<s>", "</s>"),
}


class Day(datetime.datetime):
    @classmethod
    def now(cls, *_):
        return cls(2024, 7, 26)


def main():
    tokenizers = {"byteLevel": byte_level(), "sentencePiece": sentence_piece()}
    for name, tokenizer in tokenizers.items():
        text = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))
        (here / f"{name}.json").write_text(text + "\n")
    lines = []
    for family, (kind, bos, eos) in FAMILIES.items():
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizers[kind], bos_token=bos, eos_token=eos)
        tokenizer.chat_template = (here / "templates" / f"{family}.jinja").read_text()
        tagged = "generation %}" in tokenizer.chat_template
        conversations = CONVERSATIONS + ([([USER, THINKING], False), ([USER, THINKING, AGAIN], True)] if family == "qwen3" else [])
        for messages, prompt in conversations:
            how = {"add_generation_prompt": prompt}
            text = tokenizer.apply_chat_template(messages, tokenize=False, **how)
            encoded = tokenizer.apply_chat_template(
                messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=tagged, **how)
            case = {"family": family, "tokenizer": kind, "bos": bos, "eos": eos, "messages": messages,
                    "addGenerationPrompt": prompt, "text": text, "ids": list(encoded["input_ids"])}
            if tagged:
                case["mask"] = list(encoded["assistant_masks"])
            lines.append(json.dumps(case, ensure_ascii=False, separators=(",", ":")))
    (here / "cases.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


with mock.patch.object(chat_template_utils, "datetime", Day):
    main()
