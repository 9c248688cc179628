"""What the PyTorch scripts share: --threads, --device cpu or cuda, --size, a clock that waits for the device, a line a case."""
import json
import statistics
import sys
import time

import torch


def argument(name, fallback):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else fallback


size = argument("--size", "full")
device = argument("--device", "cpu")
torch.set_num_threads(int(argument("--threads", "2")))
torch.set_default_device(device)
# Of one case. The large shapes are for GPUs in little time.
seconds_per_case = {"large": 0.3, "tiny": 0.1}.get(size, 2)


def finish():
    if device == "cuda":
        torch.cuda.synchronize()


def timed(call):
    """Seconds of one call, waited for."""
    finish()
    start = time.perf_counter()
    call()
    finish()
    return time.perf_counter() - start


def repeated(call, warmup=2, least=5):
    """Seconds of each of several calls."""
    for _ in range(warmup):
        timed(call)
    values, start = [], time.perf_counter()
    while len(values) < least or (time.perf_counter() - start < seconds_per_case and len(values) < 1000):
        values.append(timed(call))
    return values


def report(case, unit, values):
    line = {"case": case, "unit": unit, "median": statistics.median(values), "min": min(values), "max": max(values),
            "runs": len(values)}
    print(json.dumps(line), flush=True)
