import json, statistics, sys, time
import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[sys.argv.index("--threads") + 1]))
batch, heads, seq, dim = 8, 12, 512, 64
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
    values, start = [], time.perf_counter()
    for i in range(1000):
        t = time.perf_counter()
        with torch.set_grad_enabled(backward):
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=table[:, offsets] if biased else None, is_causal=causal)
        if backward:
            torch.autograd.grad(y, (q, k, v, table) if biased else (q, k, v), dy)
        t = time.perf_counter() - t
        pairs = batch * heads * (seq * (seq + 1) / 2 if causal else queries * seq)
        if i >= 2:
            values.append((14 if backward else 4) * pairs * dim / t / 1e9)
        if len(values) >= 5 and time.perf_counter() - start > 2:
            break
    print(json.dumps({"case": f"{batch} x {heads} x {seq} x {dim}, {name}", "unit": "GFLOP/s",
                      "median": statistics.median(values), "min": min(values), "max": max(values), "runs": len(values)}))
