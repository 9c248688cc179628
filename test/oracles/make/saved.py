"""What transformers saves of each model in test/oracles: the fields of config.json, names and shapes of the tensors.

    python test/oracles/make/saved.py       # needs torch, transformers, safetensors; writes test/oracles/saved.json
"""

import json
import tempfile
from pathlib import Path

import torch
import transformers
from decoder import made
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

ORACLES = Path(__file__).parent.parent
FAMILIES = ["gemma3", "gpt2", "llama", "mistral", "opt", "qwen2", "qwen3", "t5"]


def saved(folder):
    config = AutoConfig.from_pretrained(folder)
    auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    model = auto.from_pretrained(folder, dtype=torch.float32)
    with tempfile.TemporaryDirectory() as out:
        model.save_pretrained(out)
        fields = json.loads((Path(out) / "config.json").read_text())
        with safe_open(Path(out) / "model.safetensors", "pt") as file:
            tensors = {name: list(file.get_slice(name).get_shape()) for name in sorted(file.keys())}
    del fields["transformers_version"]
    return {"config": fields, "tensors": tensors}


def main():
    transformers.utils.logging.disable_progress_bar()
    folders = sorted(f for family in FAMILIES for f in (ORACLES / family).rglob("model") if f.is_dir())
    lines = [f"{json.dumps(str(f.parent.relative_to(ORACLES)))}: {json.dumps(saved(f), separators=(',', ':'))}" for f in folders]
    body = ",\n  ".join(lines)
    (ORACLES / "saved.json").write_text(f'{{"made": {json.dumps(made("saved.py"))},\n"models": {{\n  {body}\n}}}}\n')


main()
