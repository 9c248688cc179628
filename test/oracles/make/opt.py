"""What OPT must compute: tiny random models and their answers, from PyTorch and Hugging Face transformers.

    python test/oracles/make/opt.py         # needs torch, transformers, safetensors; writes test/oracles/opt/

before/     norms before attention and MLP, as in every size but one
after/      norms after them, and token embeddings in fewer dimensions: OPT-350m
unnormed/   norms before, without the last one, and an LM head of its own
Each holds model/ (a Hugging Face folder, float32), oracle.json (batches, logits, generated ids) and
gradients.safetensors (of the mean cross-entropy of the first batch). Eager attention, float32, dropout off. Weights are
larger than OPT's initial ones, so that attention is far from uniform and the greedy choices are clear.
"""

import json
import shutil
from pathlib import Path

import torch
from decoder import batch_json, first_logits, generation, made, make_batches, save_gradients
from transformers import OPTConfig, OPTForCausalLM

OUT = Path(__file__).parent.parent / "opt"
VOCAB = 83
VARIANTS = {
    "before": {},
    "after": {"do_layer_norm_before": False, "word_embed_proj_dim": 14},
    "unnormed": {"_remove_final_layer_norm": True, "tie_word_embeddings": False},
}


def make_model(fields):
    torch.manual_seed(11)
    config = OPTConfig(
        vocab_size=VOCAB, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, ffn_dim=40,
        max_position_embeddings=48, dropout=0.0, pad_token_id=1, bos_token_id=None, eos_token_id=None,
        attn_implementation="eager", **fields,
    )
    model = OPTForCausalLM(config).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
            elif name.endswith("bias"):
                parameter.copy_(0.1 * torch.randn_like(parameter))
            elif "embed_positions" in name:
                parameter.copy_(0.4 * torch.randn_like(parameter))
            else:
                parameter.copy_(0.35 * torch.randn_like(parameter))
    return model


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    for variant, fields in VARIANTS.items():
        folder = OUT / variant
        model = make_model(fields)
        model.save_pretrained(folder / "model")
        (folder / "model" / "generation_config.json").unlink(missing_ok=True)
        generator = torch.Generator().manual_seed(3)
        batches = make_batches(generator, VOCAB)
        oracle = {
            "made": made("opt.py"),
            "batches": [batch_json(b) for b in batches],
            "logits": first_logits(model, batches[0]),
            "generation": generation(model, generator, VOCAB),
        }
        save_gradients(model, batches[0], folder / "gradients.safetensors")
        (folder / "oracle.json").write_text(json.dumps(oracle) + "\n")


main()
