"""What OPT must compute: tiny random models and their answers, from PyTorch and Hugging Face transformers.

    python test/oracles/make/opt.py [VARIANT...]   # needs torch, transformers, safetensors; writes test/oracles/opt/

before/     norms before attention and MLP, as in every size but one
after/      norms after them, and token embeddings in fewer dimensions: OPT-350m
unnormed/   norms before, without the last one, and an LM head of its own
unbiased/   linear parts without biases, the exact GELU
unweighted/ norms without weights and biases, after attention and MLP; SiLU
Each holds model/ (a Hugging Face folder, float32), oracle.json (batches, logits, generated ids) and
gradients.safetensors (of the mean cross-entropy of the first batch). Eager attention, float32, dropout off. Weights are
larger than OPT's initial ones, so that attention is far from uniform and the greedy choices are clear.
"""

import shutil
import sys
from pathlib import Path

import torch
from decoder import save_clear_oracle
from transformers import OPTConfig, OPTForCausalLM

OUT = Path(__file__).parent.parent / "opt"
VOCAB = 83
VARIANTS = {
    "before": {},
    "after": {"do_layer_norm_before": False, "word_embed_proj_dim": 14},
    "unnormed": {"_remove_final_layer_norm": True, "tie_word_embeddings": False},
    "unbiased": {"enable_bias": False, "activation_function": "gelu"},
    "unweighted": {"layer_norm_elementwise_affine": False, "do_layer_norm_before": False, "activation_function": "silu"},
}


def make_model(fields, seed):
    torch.manual_seed(seed)
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
    for variant in sys.argv[1:] or VARIANTS:
        folder = OUT / variant
        shutil.rmtree(folder, ignore_errors=True)
        save_clear_oracle("opt.py", lambda seed: make_model(VARIANTS[variant], seed), folder, VOCAB)


main()
