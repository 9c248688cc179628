"""pytorch_model.bin as torch.save writes it, and what is in it.

    pip install torch safetensors
    python test/oracles/make/torchArchives.py       # writes test/oracles/torch/

dtypes.bin          a tensor of each dtype, views with strides and offsets, shared storages, empty and scalar ones
dtypes.safetensors  the floats of it, contiguous, as F32
legacy.bin          a file of torch.save before version 1.6, which is refused
code.bin            a pickle that would call os.getcwd
"""

import os
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file

OUT = Path(__file__).parent.parent / "torch"


class Code:
    def __reduce__(self):
        return os.getcwd, ()


def main():
    OUT.mkdir(exist_ok=True)
    torch.manual_seed(5)
    base = torch.randn(6, 5)
    tensors = OrderedDict(
        f32=base,
        transposed=base.t(),
        rows=base[2:4],
        column=base[:, 3],
        steps=base[::2, 1::2],
        shared=base,
        f16=torch.randn(3, 4).half(),
        bf16=torch.randn(3, 4).bfloat16(),
        f64=torch.randn(2, 3).double(),
        empty=torch.zeros(0, 4),
        scalar=torch.tensor(1.5),
        one_row=torch.randn(1, 4).t(),
        parameter=torch.nn.Parameter(torch.randn(2, 2)),
        ints=torch.arange(6).view(2, 3),
        bytes=torch.arange(4, dtype=torch.uint8),
        bools=torch.tensor([True, False]),
    )
    tensors._metadata = OrderedDict({"": {"version": 1}})
    torch.save(tensors, OUT / "dtypes.bin")
    floats = {name: tensor.detach().float().contiguous().clone() for name, tensor in tensors.items()
              if tensor.is_floating_point()}
    save_file(floats, OUT / "dtypes.safetensors")
    torch.save({"a": torch.zeros(2)}, OUT / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save({"a": Code()}, OUT / "code.bin")


main()
