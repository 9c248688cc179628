"""What Gemma 3's models of text must compute: tiny random models and their answers, from PyTorch and transformers.

    python test/oracles/make/gemma3.py      # needs torch, transformers, safetensors; writes test/oracles/gemma3/

scaled/     layers by name, linear scaling in those that see all tokens; config.json as transformers 5 writes it
pattern/    every second layer sees all tokens, biases of attention, a head of its own; config.json as transformers 4 wrote it
model/, oracle.json and gradients.safetensors as llama.py has them. Windows are shorter than the sequences.
"""

import json
import shutil
from pathlib import Path

import torch
from decoder import save_clear_oracle, spread_weights
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

OUT = Path(__file__).parent.parent / "gemma3"
VOCAB = 83
SIZES = {"vocab_size": VOCAB, "hidden_size": 24, "intermediate_size": 40, "max_position_embeddings": 48,
         "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 10, "query_pre_attn_scalar": 13,
         "sliding_window": 4}
LAYERS = ["sliding_attention", "full_attention", "sliding_attention"]
ROPE = {"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 5000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 100.0}}
VARIANTS = {
    "scaled": {"num_hidden_layers": 3, "layer_types": LAYERS, "rope_parameters": ROPE},
    "pattern": {"num_hidden_layers": 2, "sliding_window_pattern": 2, "rope_theta": 3000.0, "rope_local_base_freq": 50.0,
                "attention_bias": True, "tie_word_embeddings": False},
}


def written_by_transformers_4(path, fields):
    """`rope_theta` and `rope_local_base_freq` instead of `rope_parameters`, the pattern instead of the layers."""
    config = json.loads(path.read_text())
    for name in ("rope_parameters", "layer_types", "_sliding_window_pattern"):
        config.pop(name, None)
    given = {name: fields[name] for name in ("sliding_window_pattern", "rope_theta", "rope_local_base_freq")}
    path.write_text(json.dumps({**config, **given}, indent=2) + "\n")


def make_model(config, seed):
    model = spread_weights(Gemma3ForCausalLM(config), seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # What layers add must outweigh the embeddings, or the model only repeats its last token.
            if "post_" in name:
                parameter.add_(2)
            if "embed_tokens" in name:
                parameter.mul_(0.5)
    return model


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    ids = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    for variant, fields in VARIANTS.items():
        config = Gemma3TextConfig(**SIZES, **fields, **ids, attn_implementation="eager")
        save_clear_oracle("gemma3.py", lambda seed: make_model(config, seed), OUT / variant, VOCAB)
    written_by_transformers_4(OUT / "pattern" / "model" / "config.json", VARIANTS["pattern"])


main()
