"""What the scripts that write values and gradients of losses have in common: numbers, and their files."""

import json
from pathlib import Path

import torch


def f32(x):
    """Numbers reach the kernels as float32."""
    return torch.tensor(x, dtype=torch.float32).double().item()


def short(matrix):
    """Nine digits tell all numbers of float32 apart."""
    return [[float(f"{x:.9g}") for x in row] for row in matrix]


def write_cases(name, cases):
    """Writes ../`name`.json, a line a case and a line each of its losses."""
    lines = []
    for case in cases:
        losses = ",\n".join("  " + json.dumps(loss) for loss in case.pop("losses"))
        lines.append(json.dumps(case)[:-1] + f', "losses": [\n{losses}\n]}}')
    target = Path(__file__).parent.parent / f"{name}.json"
    target.write_text("[\n" + ",\n".join(lines) + "\n]\n")
