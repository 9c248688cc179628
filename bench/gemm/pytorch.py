import json, statistics, sys, time
import torch

torch.set_num_threads(int(sys.argv[sys.argv.index("--threads") + 1]))
shapes = [("NN", 512, 768, 768), ("NN", 1024, 1024, 1024), ("NN", 2048, 768, 3072), ("NN", 8, 768, 50257),
          ("NT", 8, 768, 50257), ("NT", 256, 768, 8192), ("TN", 8192, 256, 768)]
for form, m, k, n in shapes:
    # Transposed in memory, seen as [m, k] and [k, n].
    a = torch.rand(k, m).T if form == "TN" else torch.rand(m, k)
    b = torch.rand(n, k).T if form == "NT" else torch.rand(k, n)
    values, start = [], time.perf_counter()
    for i in range(1000):
        t = time.perf_counter()
        a @ b
        t = time.perf_counter() - t
        if i >= 2:
            values.append(2 * m * n * k / t / 1e9)
        if len(values) >= 5 and time.perf_counter() - start > 2:
            break
    print(json.dumps({"case": ("" if form == "NN" else form + " ") + f"{m} x {k} x {n}", "unit": "GFLOP/s", "median": statistics.median(values),
                      "min": min(values), "max": max(values), "runs": len(values)}))
