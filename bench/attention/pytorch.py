"""The cases of ours.ts in PyTorch's fused attention."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "frame"))
import torch
import torch.nn.functional as F
from pytorch_frame import repeated, report, size

batch, heads, seq, dim = {"large": (8, 12, 1024, 64), "tiny": (1, 2, 64, 64)}.get(size, (8, 12, 512, 64))
for name, queries, causal, biased, backward in [
    ("causal, forward", seq, True, False, False),
    ("causal, forward and backward", seq, True, False, True),
    ("position bias, forward and backward", seq, False, True, True),
    ("decode, one query", 1, False, False, False),
]:
    q, k, v = (torch.rand(batch, heads, length, dim, requires_grad=backward) for length in (queries, seq, seq))
    dy = torch.rand(batch, heads, queries, dim)
    # T5's bias: a table by relative position, gathered to [heads, seq, seq]
    table = torch.rand(heads, 2 * seq - 1, requires_grad=True)
    offsets = torch.arange(seq)[None, :] - torch.arange(seq)[:, None] + seq - 1

    def attend():
        with torch.set_grad_enabled(backward):
            mask = table[:, offsets] if biased else None
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        if backward:
            torch.autograd.grad(y, (q, k, v, table) if biased else (q, k, v), dy)

    pairs = batch * heads * (seq * (seq + 1) / 2 if causal else queries * seq)
    operations = (14 if backward else 4) * pairs * dim
    report(f"{batch} x {heads} x {seq} x {dim}, {name}", "GFLOP/s", [operations / t / 1e9 for t in repeated(attend)])
