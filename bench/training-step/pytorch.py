"""The step of ours.ts in PyTorch: same shapes, transformers' GPT-2, skew KL in log space, AdamW; eager."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "frame"))
import torch
from pytorch_frame import device, report, size, timed
from transformers import GPT2Config, GPT2LMHeadModel

batch, seq, vocab, positions, alpha = {"large": (8, 512, 50257, 1024, 0.1), "tiny": (2, 128, 512, 256, 0.1)}.get(
    size, (8, 128, 4096, 256, 0.1))
small = dict(n_embd=768, n_layer=12, n_head=12)
student_shape, teacher_shape = {
    "large": (small, small), "tiny": (dict(n_embd=32, n_layer=4, n_head=4), dict(n_embd=64, n_layer=8, n_head=8)),
}.get(size, (dict(n_embd=256, n_layer=4, n_head=4), dict(n_embd=512, n_layer=8, n_head=8)))
common = dict(vocab_size=vocab, n_positions=positions, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
student = GPT2LMHeadModel(GPT2Config(**student_shape, **common)).to(device)
teacher = GPT2LMHeadModel(GPT2Config(**teacher_shape, **common)).to(device).eval()
optimizer = torch.optim.AdamW(student.parameters(), lr=5e-4, weight_decay=1e-2)
ids = torch.randint(0, vocab, (batch, seq))
log_alpha, log_rest = torch.log(torch.tensor(alpha)), torch.log(torch.tensor(1 - alpha))


def step():
    with torch.no_grad():
        log_p = torch.log_softmax(teacher(ids).logits, -1)
    log_q = torch.log_softmax(student(ids).logits, -1)
    loss = (log_p.exp() * (log_p - torch.logaddexp(log_p + log_alpha, log_q + log_rest))).sum(-1).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


values = [batch * seq / timed(step) for _ in range(12)][2:]
report("training step", "tokens/s", values)
