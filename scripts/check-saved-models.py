"""Loads the models that check-saved-models.mjs saved, and compares logits. Called by that script."""

import json
import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

ALLOWED = 1e-4


def difference(folder, asked):
    """@raises where the weights are not those of the config, and where the tokenizer gives other ids"""
    if asked["texts"]:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        for text, ids in asked["texts"]:
            found = tokenizer(text)["input_ids"]
            if found != ids:
                raise ValueError(f"{text!r} has the ids {found}, expected {ids}")
    config = AutoConfig.from_pretrained(folder)
    auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    model, info = auto.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    strange = {kind: list(names) for kind, names in info.items() if names}
    if strange:
        raise ValueError(f"{strange}")
    ids = torch.tensor([asked["ids"]])
    given = {"input_ids": ids}
    if config.is_encoder_decoder:
        given = {"input_ids": torch.tensor([asked["prompt"]]), "decoder_input_ids": ids}
    with torch.no_grad():
        logits = model.eval()(**given).logits.flatten()
    wanted = torch.tensor(asked["logits"])
    return (logits - wanted).abs().max().item()


def main():
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    root = Path(sys.argv[1])
    wrong = 0
    files = sorted(root.rglob("logits.json"))
    for file in files:
        name = file.parent.relative_to(root)
        try:
            worst = difference(file.parent, json.loads(file.read_text()))
            is_right = worst <= ALLOWED
            print(f"{'ok   ' if is_right else 'WRONG'} {name}: logits differ by {worst:.1e} at most")
        except Exception as error:
            is_right = False
            print(f"WRONG {name}: {type(error).__name__}: {error}")
        wrong += not is_right
    print(f"{len(files) - wrong} of {len(files)} ok, transformers {transformers.__version__}")
    sys.exit(1 if wrong or not files else 0)


main()
