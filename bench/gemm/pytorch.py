"""The products of shapes.ts in PyTorch; with --size large those of variants.ts, b in f32 and in f16, many calls together."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "frame"))
import torch
from pytorch_frame import finish, repeated, report, size, timed

shapes = [("NN", 512, 768, 768), ("NN", 1024, 1024, 1024), ("NT", 1024, 1024, 1024), ("TN", 1024, 1024, 1024),
          ("NN", 2048, 768, 3072), ("NT", 2048, 768, 3072), ("TN", 2048, 768, 3072), ("NN", 8, 768, 50257),
          ("NT", 8, 768, 50257), ("NT", 256, 768, 8192), ("TN", 8192, 256, 768)]
large = [("NN", 1024, 1024, 1024), ("NT", 4096, 4096, 4096), ("NT", 512, 768, 50257), ("NT", 8, 768, 50257),
         ("NN", 2048, 768, 3072), ("NT", 2048, 768, 3072), ("TN", 2048, 768, 3072), ("NN", 4096, 4096, 4096),
         ("NN", 512, 50257, 768), ("TN", 50257, 512, 768), ("NT", 1, 768, 50257), ("NT", 2048, 6400, 1600),
         ("NT", 1024, 1024, 1024), ("TN", 1024, 1024, 1024), ("TN", 768, 8192, 768), ("NN", 64, 50257, 768),
         ("NN", 1, 768, 3072), ("NN", 8, 3072, 768)]


def many(product, least_seconds=0.05):
    """Seconds a call where so many are started together that waiting for the device does not count."""
    calls = 1

    def run():
        for _ in range(calls):
            product()

    timed(run)
    while timed(run) < least_seconds:
        calls *= 2
    return [seconds / calls for seconds in repeated(run, warmup=1, least=3)]


for form, m, k, n in large if size == "large" else shapes:
    for dtype in (torch.float32, torch.float16) if size == "large" and form != "TN" else (torch.float32,):
        # Transposed in memory, seen as [m, k] and [k, n].
        a = (torch.rand(k, m).T if form == "TN" else torch.rand(m, k)).to(dtype)
        b = (torch.rand(n, k).T if form == "NT" else torch.rand(k, n)).to(dtype)
        product = lambda: a @ b
        finish()
        values = [2 * m * n * k / seconds / 1e9 for seconds in (many if size == "large" else repeated)(product)]
        name = ("" if form == "NN" else form + " ") + f"{m} x {k} x {n}"
        held = {torch.float32: ", b f32", torch.float16: ", b f16"}[dtype] if size == "large" else ""
        report(name + held, "GFLOP/s", values)
