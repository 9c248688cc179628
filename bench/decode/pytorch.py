"""The runs of cases.ts in PyTorch: transformers' GPT-2 with random weights and its KV cache."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "frame"))
import torch
from pytorch_frame import device, report, size, timed
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel

prompt_length, runs = 48, 5
gpt2_small = dict(vocab_size=50257, n_positions=1024, n_embd=768, n_layer=12, n_head=12)
student = dict(vocab_size=4096, n_positions=256, n_embd=256, n_layer=4, n_head=4)
# name, model, batches, tokens that are timed, type
cases = {
    "large": [("GPT-2 small", gpt2_small, [1, 8, 32, 128], 32, torch.float32),
              ("GPT-2 small f16", gpt2_small, [1, 8], 32, torch.float16)],
    "tiny": [("student 4 x 256", student, [2], 32, torch.float32)],
}.get(size, [("GPT-2 small", gpt2_small, [1, 8, 32], 32, torch.float32),
             ("student 4 x 256", student, [8, 32], 128, torch.float32)])


@torch.inference_mode()
def decode(model, ids, new_tokens, temperature):
    past = DynamicCache()
    answers = []
    for _ in range(new_tokens):
        logits = model(ids, past_key_values=past, use_cache=True, logits_to_keep=1).logits[:, -1]
        if temperature == 0:
            ids = logits.argmax(-1, keepdim=True)
        else:
            ids = torch.multinomial(torch.softmax(logits.float(), -1), 1)
        answers.append(ids)
    return torch.cat(answers, 1)


for name, config, batches, timed_tokens, dtype in cases:
    model = GPT2LMHeadModel(GPT2Config(**config)).to(device=device, dtype=dtype).eval()
    for batch in batches:
        ids = torch.randint(0, config["vocab_size"], (batch, prompt_length))
        seconds = lambda new_tokens, temperature: timed(lambda: decode(model, ids, new_tokens, temperature))
        seconds(4, 0)
        first = [seconds(1, 0) for _ in range(runs)]
        report(f"{name}, batch {batch}, first token", "ms", [1000 * t for t in first])
        for temperature, how in [(0, "greedy"), (1, "temperature 1")]:
            values = [seconds(1 + timed_tokens, temperature) - min(first) for _ in range(runs)]
            report(f"{name}, batch {batch}, {how}", "tokens/s", [batch * timed_tokens / t for t in values])
