"""What GPT-2 must compute: a tiny random model and its answers, from PyTorch and Hugging Face transformers.

    python test/oracles/make/gpt2.py        # needs torch, transformers, safetensors; writes test/oracles/gpt2/

model/      a Hugging Face folder, float32
bf16/       the same in bfloat16, in shards
f16/        the same in float16
oracle.json batches, logits, losses of 40 AdamW steps, generated ids
gradients.safetensors   of the mean cross-entropy of the first batch
Eager attention, float32, dropout off. Weights are larger than GPT-2's initial ones, so that attention is far from
uniform and the greedy choices are clear.
"""

import json
import shutil
from pathlib import Path

import torch
from decoder import batch_json, first_logits, generation, made, make_batches, mean_loss, save_gradients
from transformers import GPT2Config, GPT2LMHeadModel

OUT = Path(__file__).parent.parent / "gpt2"
VOCAB, POSITIONS = 97, 64


def make_model():
    torch.manual_seed(7)
    config = GPT2Config(
        vocab_size=VOCAB, n_positions=POSITIONS, n_embd=32, n_layer=2, n_head=4,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=None, eos_token_id=None, pad_token_id=None,
        attn_implementation="eager",
    )
    model = GPT2LMHeadModel(config).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "ln_" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
            elif name.endswith("bias"):
                parameter.copy_(0.1 * torch.randn_like(parameter))
            elif "c_attn" in name:
                parameter.copy_(0.35 * torch.randn_like(parameter))
            elif "wte" in name:
                parameter.copy_(0.25 * torch.randn_like(parameter))
            elif "wpe" in name:
                parameter.copy_(0.4 * torch.randn_like(parameter))
            else:
                parameter.copy_(0.3 * torch.randn_like(parameter))
    return model


def main():
    # Not the folders of gpt2_variants.py.
    for folder in ("model", "bf16", "f16"):
        shutil.rmtree(OUT / folder, ignore_errors=True)
    model = make_model()
    model.save_pretrained(OUT / "model")
    model.to(torch.bfloat16).save_pretrained(OUT / "bf16", max_shard_size="30KB")
    model = make_model()
    model.to(torch.float16).save_pretrained(OUT / "f16")
    for folder in ("model", "bf16", "f16"):
        (OUT / folder / "generation_config.json").unlink(missing_ok=True)
    model = make_model()

    generator = torch.Generator().manual_seed(3)
    batches = make_batches(generator, VOCAB)
    logits = first_logits(model, batches[0])
    save_gradients(model, batches[0], OUT / "gradients.safetensors")
    answers = generation(model, generator, VOCAB)

    # The usual grouping: biases and norms do not decay.
    decayed = [p for n, p in model.named_parameters() if p.dim() > 1]
    others = [p for n, p in model.named_parameters() if p.dim() == 1]
    settings = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weightDecay": 0.1}
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": settings["weightDecay"]}, {"params": others, "weight_decay": 0.0}],
        lr=settings["lr"], betas=(settings["beta1"], settings["beta2"]), eps=settings["eps"], foreach=False,
    )
    losses = []
    for step in range(40):
        optimizer.zero_grad()
        loss = mean_loss(model, batches[step % len(batches)])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    oracle = {
        "made": made("gpt2.py"),
        "batches": [batch_json(b) for b in batches],
        "logits": logits,
        "adamW": {**settings, "losses": losses},
        "generation": answers,
    }
    (OUT / "oracle.json").write_text(json.dumps(oracle) + "\n")


main()
