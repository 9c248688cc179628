"""What every encoder-decoder model is asked: batches, logits, gradients, greedily generated ids. Used by the script of each family.

Eager attention, float32, dropout off. Prompts end with EOS, as T5's tokenizer gives them.
"""

import json

import torch
from decoder import IGNORED, made, rounded
from safetensors.torch import save_file


def random_ids(generator, vocab, length):
    """Of plain tokens: none of padding (0) and EOS (1)."""
    return torch.randint(2, vocab, (length,), generator=generator).tolist()


def make_batch(generator, vocab, start, eos, lengths, answers):
    """Prompts and answers, padded on the right; an answer's inputs are the answer behind the start token."""
    prompts = [random_ids(generator, vocab, n - 1) + [eos] for n in lengths]
    labels = [random_ids(generator, vocab, n) for n in answers]
    return {
        "prompts": prompts, "labels": labels,
        "inputs": [[start] + label[:-1] for label in labels],
    }


def padded(rows, filler, left=False):
    longest = max(map(len, rows))
    pad = [[filler] * (longest - len(row)) for row in rows]
    return torch.tensor([p + r if left else r + p for p, r in zip(pad, rows)])


def logits_of(model, batch, left=False):
    """Of the answers' tokens, row after row. `left`: on which side the prompts are padded."""
    mask = padded([[1] * len(p) for p in batch["prompts"]], 0, left)
    # Causal attention sees no padding on the right of an answer.
    logits = model(
        input_ids=padded(batch["prompts"], 0, left), attention_mask=mask, decoder_input_ids=padded(batch["inputs"], 0)
    ).logits
    return torch.cat([logits[row, : len(answer)] for row, answer in enumerate(batch["labels"])])


def generated(model, prompts, new_tokens, eos, **options):
    mask = padded([[1] * len(p) for p in prompts], 0, left=True)
    out = model.generate(
        padded(prompts, 0, left=True), attention_mask=mask, do_sample=False, max_new_tokens=new_tokens,
        eos_token_id=eos, pad_token_id=0, return_dict_in_generate=True, output_scores=True, **options,
    )
    rows = []
    for row in range(len(prompts)):
        new = out.sequences[row, 1:].tolist()
        rows.append(new[: new.index(eos) + 1] if eos in new else new)
        for step in range(len(rows[-1])):
            best, second = out.scores[step][row].topk(2).values.tolist()
            assert best - second > 1e-3, "a greedy choice is too close to call: change the seed"
    return rows


def generation(model, generator, vocab, eos):
    prompts = [random_ids(generator, vocab, n) + [eos] for n in (5, 1, 9, 3)]
    free = generated(model, prompts, 20, eos=vocab + 1)
    # A token that ends a sequence or two midway and lets the others run on.
    end = next(
        t for row in free for t in row[4:15] if t not in row[:4] and sum(t not in other for other in free) >= 2
    )
    return {
        "prompts": prompts, "maxNewTokens": 20, "eos": end,
        "greedy": generated(model, prompts, 20, end),
        "noRepeatNgram": {"size": 2, "ids": generated(model, prompts, 20, end, no_repeat_ngram_size=2)},
        "repetitionPenalty": {"penalty": 1.4, "ids": generated(model, prompts, 20, end, repetition_penalty=1.4)},
    }


def spread_weights(model):
    """Values under which each parameter matters. With a last norm of both signs a tied head repeats no token for ever."""
    torch.manual_seed(11)
    model = model.float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name == "decoder.final_layer_norm.weight":
                parameter.copy_(torch.randn_like(parameter))
            elif "norm" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
            else:
                deviation = {"shared": 0.3, "lm_head": 0.5, "relative_attention_bias": 1.0}
                std = next((value for part, value in deviation.items() if part in name), 0.2)
                parameter.copy_(std * torch.randn_like(parameter))
    return model


def save_oracle(script, model, folder, seed):
    """model/, oracle.json and gradients.safetensors of one variant. With another seed the prompts are others."""
    config = model.config
    vocab, start, eos = config.vocab_size, config.decoder_start_token_id, config.eos_token_id
    model.save_pretrained(folder / "model")
    (folder / "model" / "generation_config.json").unlink(missing_ok=True)
    generator = torch.Generator().manual_seed(seed)
    batch = make_batch(generator, vocab, start, eos, [12, 7, 10], [9, 3, 6])
    logits = logits_of(model, batch)
    moved = (logits_of(model, batch, left=True) - logits).abs().max()
    assert moved < 1e-5, f"the side of the padding matters: {moved}"
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor([t for row in batch["labels"] for t in row]))
    loss.backward()
    save_file({n: p.grad.contiguous() for n, p in model.named_parameters()}, folder / "gradients.safetensors")
    oracle = {
        "made": made(script), "batch": batch, "loss": loss.item(), "logits": rounded(logits.detach()),
        "generation": generation(model, generator, vocab, eos),
    }
    (folder / "oracle.json").write_text(json.dumps(oracle) + "\n")
