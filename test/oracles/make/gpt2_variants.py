"""What variants of GPT-2 must compute: tiny random models and their answers, from PyTorch and Hugging Face transformers.

    python test/oracles/make/gpt2_variants.py   # needs torch, transformers, safetensors; writes folders of test/oracles/gpt2/

inverse/    scores divided by the number of their layer as well; the exact GELU
unscaled/   scores as they are; GELU approximated by a sigmoid
untied/     an LM head of its own, a narrow MLP, ReLU
model/, oracle.json and gradients.safetensors as llama.py has them.
"""

import shutil
from pathlib import Path

import torch
from decoder import save_clear_oracle
from transformers import GPT2Config, GPT2LMHeadModel

OUT = Path(__file__).parent.parent / "gpt2"
VOCAB = 83
VARIANTS = {
    "inverse": {"scale_attn_by_inverse_layer_idx": True, "activation_function": "gelu"},
    "unscaled": {"scale_attn_weights": False, "activation_function": "quick_gelu"},
    "untied": {"tie_word_embeddings": False, "n_inner": 20, "activation_function": "relu"},
}


def make_model(fields, seed):
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=VOCAB, n_positions=48, n_embd=16, n_layer=3, n_head=2, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        bos_token_id=None, eos_token_id=None, pad_token_id=None, attn_implementation="eager", **fields,
    )
    model = GPT2LMHeadModel(config).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "ln_" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
            else:
                parameter.copy_((0.1 if name.endswith("bias") else 0.35) * torch.randn_like(parameter))
    return model


def main():
    for variant, fields in VARIANTS.items():
        shutil.rmtree(OUT / variant, ignore_errors=True)
        save_clear_oracle("gpt2_variants.py", lambda seed: make_model(fields, seed), OUT / variant, VOCAB)


main()
