"""Every activation that transformers knows by name: its values and slopes.

    python test/oracles/make/activations.py      # needs torch, transformers; writes test/oracles/activations.json

`y` and `slope` are those of each of `x`, in float64. Activations with parameters of their own have neither.
"""

import json
from pathlib import Path

import torch
from decoder import made, rounded
from transformers.activations import ACT2FN

OUT = Path(__file__).parent.parent / "activations.json"
X = [*(i / 4 for i in range(-24, 25)), -0.001, 0.001, -1e-6, 1e-6, -9.5, 9.5, -30.0, 30.0]


def values(name):
    function = ACT2FN[name]
    if isinstance(function, torch.nn.Module) and list(function.parameters()):
        return {}
    x = torch.tensor(X, dtype=torch.float64, requires_grad=True)
    y = function(x)
    y.sum().backward()
    return {"y": rounded(y.detach()), "slope": rounded(x.grad)}


def main():
    names = {}
    for name in sorted(ACT2FN):
        try:
            names[name] = values(name)
        except Exception:
            names[name] = {}
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in names.items()]
    head = f'"made": {json.dumps(made("activations.py"))},\n"x": {json.dumps(X)},\n"names": {{\n'
    OUT.write_text("{" + head + ",\n".join(lines) + "\n}}\n")


main()
