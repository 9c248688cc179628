"""What T5's attention must compute, with its relative position bias: from Hugging Face transformers' T5Attention.

    python test/oracles/make/t5Attention.py     # needs torch, transformers; writes test/oracles/t5Attention.json

Three calls: the encoder's self-attention (every position sees every other, left and right), the decoder's (causal), and
cross-attention (no bias). Each with padding, the weights, the input, the output, its upstream gradient and the gradients
of everything. `buckets` are T5's buckets of the relative positions -(seq - 1) .. seq - 1. Eager attention, float32.
"""

import json
from pathlib import Path

import torch
from transformers import T5Config
from transformers.models.t5.modeling_t5 import T5Attention

OUT = Path(__file__).parent.parent / "t5Attention.json"
HIDDEN, HEADS, HEAD_DIM, BUCKETS = 6, 3, 2, 8

torch.manual_seed(5)
torch.set_num_threads(1)


def numbers(x):
    return [float(f"{v:.9g}") for v in x.detach().flatten().tolist()]


def call(name, causal, bias, seq, ranges, source_length=None):
    config = T5Config(
        d_model=HIDDEN, num_heads=HEADS, d_kv=HEAD_DIM, relative_attention_num_buckets=BUCKETS,
        relative_attention_max_distance=6, is_decoder=causal, dropout_rate=0.0,
    )
    config._attn_implementation = "eager"
    layer = T5Attention(config, has_relative_attention_bias=bias, layer_idx=0).eval()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    x = torch.randn(len(ranges), seq, HIDDEN, requires_grad=True)
    source = None if source_length is None else torch.randn(len(ranges), source_length, HIDDEN, requires_grad=True)
    keys = source_length or seq
    mask = torch.zeros(len(ranges), 1, seq, keys)
    lowest = torch.finfo(torch.float32).min
    for row, (first, end) in enumerate(ranges):
        mask[row, :, :, :first] = lowest
        mask[row, :, :, end:] = lowest
    if causal:
        mask = torch.minimum(mask, torch.full((seq, keys), lowest).triu(1))
    y = layer(x, mask=mask, key_value_states=source)[0]
    dy = torch.randn_like(y)
    y.backward(dy)
    tensors = {"x": x, **({} if source is None else {"source": source}), **dict(layer.named_parameters())}
    relative = torch.arange(-(seq - 1), seq)
    buckets = T5Attention._relative_position_bucket(relative, not causal, BUCKETS, 6).tolist() if bias else []
    return {
        "name": name, "causal": causal, "ranges": ranges, "buckets": buckets,
        "inputs": {k: {"shape": list(t.shape), "values": numbers(t), "gradient": numbers(t.grad)} for k, t in tensors.items()},
        "output": numbers(y), "dy": numbers(dy), "shape": list(y.shape),
    }


cases = [
    call("encoder", False, True, 9, [[0, 9], [0, 5]]),
    call("decoder", True, True, 9, [[0, 9], [0, 7]]),
    call("cross-attention", False, False, 3, [[0, 7], [0, 4]], 7),
]
OUT.write_text(json.dumps({"numHeads": HEADS, "cases": cases}) + "\n")
