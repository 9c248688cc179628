# The step of ours.ts in PyTorch: same shapes, transformers' GPT-2, skew KL in log space, AdamW.
import json, statistics, sys, time
import torch
from transformers import GPT2Config, GPT2LMHeadModel

torch.set_num_threads(int(sys.argv[sys.argv.index("--threads") + 1]))
batch, seq, vocab, alpha = 8, 128, 4096, 0.1
common = dict(vocab_size=vocab, n_positions=256, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
student = GPT2LMHeadModel(GPT2Config(n_embd=256, n_layer=4, n_head=4, **common))
teacher = GPT2LMHeadModel(GPT2Config(n_embd=512, n_layer=8, n_head=8, **common)).eval()
optimizer = torch.optim.AdamW(student.parameters(), lr=5e-4, weight_decay=1e-2)
ids = torch.randint(0, vocab, (batch, seq))
log_alpha, log_rest = torch.log(torch.tensor(alpha)), torch.log(torch.tensor(1 - alpha))
values = []
for i in range(12):
    t = time.perf_counter()
    with torch.no_grad():
        log_p = torch.log_softmax(teacher(ids).logits, -1)
    log_q = torch.log_softmax(student(ids).logits, -1)
    loss = (log_p.exp() * (log_p - torch.logaddexp(log_p + log_alpha, log_q + log_rest))).sum(-1).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    t = time.perf_counter() - t
    if i >= 2:
        values.append(batch * seq / t)
print(json.dumps({"case": "training step", "unit": "tokens/s", "median": statistics.median(values),
                  "min": min(values), "max": max(values), "runs": len(values)}))
