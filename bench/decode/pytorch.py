# The runs of cases.ts in PyTorch: transformers' GPT-2 with random weights and its KV cache.
import json, statistics, sys, time
import torch
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel

torch.set_num_threads(int(sys.argv[sys.argv.index("--threads") + 1]))
prompt_length, runs = 48, 5
models = {
    "GPT-2 small": dict(vocab_size=50257, n_positions=1024, n_embd=768, n_layer=12, n_head=12),
    "student 4 x 256": dict(vocab_size=4096, n_positions=256, n_embd=256, n_layer=4, n_head=4),
}


@torch.inference_mode()
def decode(model, ids, new_tokens, temperature):
    past = DynamicCache()
    answers = []
    for _ in range(new_tokens):
        logits = model(ids, past_key_values=past, use_cache=True, logits_to_keep=1).logits[:, -1]
        if temperature == 0:
            ids = logits.argmax(-1, keepdim=True)
        else:
            ids = torch.multinomial(torch.softmax(logits, -1), 1)
        answers.append(ids)
    return torch.cat(answers, 1)


def timed(*args):
    start = time.perf_counter()
    decode(*args)
    return time.perf_counter() - start


def report(case, unit, values):
    print(json.dumps({"case": case, "unit": unit, "median": statistics.median(values), "min": min(values),
                      "max": max(values), "runs": len(values)}), flush=True)


for name, config in models.items():
    model = GPT2LMHeadModel(GPT2Config(**config)).eval()
    timed_tokens = 32 if name == "GPT-2 small" else 128
    for batch in [1, 8, 32] if name == "GPT-2 small" else [8, 32]:
        ids = torch.randint(0, config["vocab_size"], (batch, prompt_length))
        timed(model, ids, 4, 0)
        first = [timed(model, ids, 1, 0) for _ in range(runs)]
        report(f"{name}, batch {batch}, first token", "ms", [1000 * t for t in first])
        for temperature, how in [(0, "greedy"), (1, "temperature 1")]:
            values = [timed(model, ids, 1 + timed_tokens, temperature) - min(first) for _ in range(runs)]
            report(f"{name}, batch {batch}, {how}", "tokens/s", [batch * timed_tokens / t for t in values])
