"""What every decoder-only model is asked: batches, logits, gradients, greedily generated ids. Used by the script of each family.

Eager attention, float32, dropout off.
"""

import json

import torch
from safetensors.torch import save_file

IGNORED = -100

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


class Unclear(Exception):
    """Weights of which a last bit decides what is generated, or which generate too little."""


def rounded(values, digits=9):
    return [float(f"{v:.{digits}g}") for v in values.flatten().tolist()]


def make_batch(generator, vocab, lengths, prompt_lengths, seq):
    """Right-padded; labels are shifted and count the response only, as the trainer's batches do."""
    ids = torch.zeros(len(lengths), seq, dtype=torch.long)
    labels = torch.full_like(ids, IGNORED)
    mask = torch.zeros_like(ids)
    for row, (length, prompt) in enumerate(zip(lengths, prompt_lengths)):
        tokens = torch.randint(1, vocab, (length,), generator=generator)
        ids[row, :length] = tokens
        mask[row, :length] = 1
        labels[row, prompt - 1 : length - 1] = tokens[prompt:]
    return {"ids": ids, "mask": mask, "labels": labels, "lengths": lengths}


def mean_loss(model, batch):
    logits = model(input_ids=batch["ids"], attention_mask=batch["mask"]).logits
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), batch["labels"].reshape(-1), ignore_index=IGNORED
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
            if best - second <= 1e-3:
                raise Unclear("a greedy choice is too close to call: change the seed")
    return rows


def one_by_one(model, prompts, new_tokens, eos, **options):
    """In a batch transformers would count the padding as tokens 0 of the prompt."""
    return [generated(model, [prompt], new_tokens, eos, **options)[0] for prompt in prompts]


def made(script):
    import transformers

    return f"{script}, torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}"


def make_batches(generator, vocab):
    return [
        make_batch(generator, vocab, [13, 7, 10], [4, 3, 9], 13),
        make_batch(generator, vocab, [11, 9, 5], [1, 5, 2], 11),
    ]


def save_gradients(model, batch, path):
    """Of the batch's mean cross-entropy."""
    mean_loss(model, batch).backward()
    save_file({n: p.grad.contiguous() for n, p in model.named_parameters()}, path)


def first_logits(model, batch):
    return rounded(model(input_ids=batch["ids"], attention_mask=batch["mask"]).logits.detach())


def generation(model, generator, vocab):
    prompts = [torch.randint(1, vocab, (n,), generator=generator).tolist() for n in (5, 1, 9, 3)]
    free = generated(model, prompts, 20, eos=vocab + 1)
    # A token that ends a sequence or two midway and lets the others run on.
    eos = next(
        (t for row in free for t in row[5:15] if t not in row[:5] and sum(t not in other for other in free) >= 2), None
    )
    if eos is None:
        raise Unclear("no token ends some sequences midway: change the seed")
    return {
        "prompts": prompts, "maxNewTokens": 20, "eos": eos,
        "greedy": generated(model, prompts, 20, eos),
        "noRepeatNgram": {"size": 2, "ids": one_by_one(model, prompts, 20, eos, no_repeat_ngram_size=2)},
        "repetitionPenalty": {"penalty": 1.4, "ids": one_by_one(model, prompts, 20, eos, repetition_penalty=1.4)},
    }


def spread_weights(model, seed=11):
    """Values under which each parameter matters, of a model whose norms have no bias."""
    torch.manual_seed(seed)
    model = model.float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
            elif name.endswith("bias"):
                parameter.copy_(0.1 * torch.randn_like(parameter))
            else:
                parameter.copy_(0.35 * torch.randn_like(parameter))
    return model


def save_oracle(script, model, folder, vocab):
    """model/, oracle.json and gradients.safetensors of one variant. The model's weights are still those at first."""
    model.save_pretrained(folder / "model")
    (folder / "model" / "generation_config.json").unlink(missing_ok=True)
    generator = torch.Generator().manual_seed(3)
    batches = make_batches(generator, vocab)
    logits = first_logits(model, batches[0])
    # Before generation: it leaves dynamic rotary positions as its longest sequence had them.
    save_gradients(model, batches[0], folder / "gradients.safetensors")
    answers = generation(model, generator, vocab)
    oracle = {
        "made": made(script),
        "batches": [batch_json(b) for b in batches],
        "logits": logits,
        "generation": answers,
    }
    (folder / "oracle.json").write_text(json.dumps(oracle) + "\n")


def save_clear_oracle(script, make, folder, vocab):
    """The same of the first seed, from 11 on, under which the weights are clear. `make` makes the model of a seed."""
    for seed in range(11, 100):
        try:
            return save_oracle(script, make(seed), folder, vocab)
        except Unclear:
            continue
    raise Unclear(f"{folder}: no seed up to 99 is clear")
