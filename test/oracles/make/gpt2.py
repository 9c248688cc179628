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
import transformers
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

OUT = Path(__file__).parent.parent / "gpt2"
VOCAB, POSITIONS = 97, 64
IGNORED = -100

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


def rounded(values, digits=9):
    return [float(f"{v:.{digits}g}") for v in values.flatten().tolist()]


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


def make_batch(generator, lengths, prompt_lengths, seq):
    """Right-padded; labels are shifted and count the response only, as the trainer's batches do."""
    ids = torch.zeros(len(lengths), seq, dtype=torch.long)
    labels = torch.full_like(ids, IGNORED)
    mask = torch.zeros_like(ids)
    for row, (length, prompt) in enumerate(zip(lengths, prompt_lengths)):
        tokens = torch.randint(1, VOCAB, (length,), generator=generator)
        ids[row, :length] = tokens
        mask[row, :length] = 1
        labels[row, prompt - 1 : length - 1] = tokens[prompt:]
    return {"ids": ids, "mask": mask, "labels": labels, "lengths": lengths}


def mean_loss(model, batch):
    logits = model(input_ids=batch["ids"], attention_mask=batch["mask"]).logits
    return torch.nn.functional.cross_entropy(
        logits.reshape(-1, VOCAB), batch["labels"].reshape(-1), ignore_index=IGNORED
    )


def batch_json(batch):
    return {
        "batch": batch["ids"].shape[0], "seq": batch["ids"].shape[1], "lengths": batch["lengths"],
        "ids": batch["ids"].flatten().tolist(), "labels": batch["labels"].flatten().tolist(),
    }


def generated(model, prompts, new_tokens, eos, **options):
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
    out = model.generate(
        ids, attention_mask=mask, do_sample=False, max_new_tokens=new_tokens, pad_token_id=0, eos_token_id=eos,
        return_dict_in_generate=True, output_scores=True, **options,
    )
    rows = []
    for row in range(len(prompts)):
        new = out.sequences[row, longest:].tolist()
        rows.append(new[: new.index(eos) + 1] if eos in new else new)
        for step in range(len(rows[-1])):
            best, second = out.scores[step][row].topk(2).values.tolist()
            assert best - second > 1e-3, "a greedy choice is too close to call: change the seed"
    return rows


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    model = make_model()
    model.save_pretrained(OUT / "model")
    model.to(torch.bfloat16).save_pretrained(OUT / "bf16", max_shard_size="30KB")
    model = make_model()
    model.to(torch.float16).save_pretrained(OUT / "f16")
    for folder in ("model", "bf16", "f16"):
        (OUT / folder / "generation_config.json").unlink(missing_ok=True)
    model = make_model()

    generator = torch.Generator().manual_seed(3)
    batches = [
        make_batch(generator, [13, 7, 10], [4, 3, 9], 13),
        make_batch(generator, [11, 9, 5], [1, 5, 2], 11),
    ]
    first = batches[0]
    logits = model(input_ids=first["ids"], attention_mask=first["mask"]).logits.detach()
    loss = mean_loss(model, first)
    loss.backward()
    save_file({n: p.grad.contiguous() for n, p in model.named_parameters()}, OUT / "gradients.safetensors")

    prompts = [torch.randint(1, VOCAB, (n,), generator=generator).tolist() for n in (5, 1, 9, 3)]
    free = generated(model, prompts, 20, eos=VOCAB + 1)
    # A token that ends a sequence or two midway and lets the others run on.
    eos = next(
        t for row in free for t in row[5:15] if t not in row[:5] and sum(t not in other for other in free) >= 2
    )
    generation = {
        "prompts": prompts, "maxNewTokens": 20, "eos": eos,
        "greedy": generated(model, prompts, 20, eos),
        "noRepeatNgram": {"size": 2, "ids": generated(model, prompts, 20, eos, no_repeat_ngram_size=2)},
    }

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
        "made": f"gpt2.py, torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}",
        "batches": [batch_json(b) for b in batches],
        "logits": rounded(logits),
        "adamW": {**settings, "losses": losses},
        "generation": generation,
    }
    (OUT / "oracle.json").write_text(json.dumps(oracle) + "\n")


main()
