import json, statistics, sys, time
import torch

torch.set_num_threads(int(sys.argv[sys.argv.index("--threads") + 1]))
for m, k, n in [(512, 768, 768), (1024, 1024, 1024), (2048, 768, 3072), (8, 768, 50257)]:
    a, b = torch.rand(m, k), torch.rand(k, n)
    values, start = [], time.perf_counter()
    for i in range(1000):
        t = time.perf_counter()
        a @ b
        t = time.perf_counter() - t
        if i >= 2:
            values.append(2 * m * n * k / t / 1e9)
        if len(values) >= 5 and time.perf_counter() - start > 2:
            break
    print(json.dumps({"case": f"{m} x {k} x {n}", "unit": "GFLOP/s", "median": statistics.median(values),
                      "min": min(values), "max": max(values), "runs": len(values)}))
