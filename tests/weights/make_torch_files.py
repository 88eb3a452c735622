"""Writes tests/recorded/torch_*.pth and what they hold; run by hand, in an environment with PyTorch.

`python -m tests.weights.make_torch_files` (PyTorch 2.13.0 and NumPy wrote the committed ones; the tests need
neither this program nor PyTorch).
"""

from collections import OrderedDict
from pathlib import Path

import numpy as np

RECORDED = Path(__file__).resolve().parents[1] / "recorded"


def checkpoint() -> dict:
    """Returns a checkpoint with what real ones hold: nesting, shared storages, views, many types, numbers, texts."""
    import torch

    torch.manual_seed(4)
    shared = torch.arange(24, dtype=torch.float32)
    network = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 2), torch.nn.BatchNorm2d(3)).state_dict()
    network.update(
        half=torch.randn(5).half(), rounded=torch.randn(2, 3).bfloat16(), scalar=torch.tensor(0.25).bfloat16(),
        long=torch.tensor([2**40, -1]), byte=torch.tensor([0, 255], dtype=torch.uint8),
        short=torch.tensor([-7], dtype=torch.int16), true=torch.tensor([True, False, True]),
        double=torch.randn(2, dtype=torch.float64), first=shared[:6].view(2, 3), second=shared[6:],
        transposed=shared.view(4, 6).t(), stepped=shared[1::5], empty=torch.zeros(0, 4),
        parameter=torch.nn.Parameter(torch.ones(2, 2)))
    optimiser = {"state": {0: {"momentum": torch.ones(3)}}, "param_groups": [{"lr": 0.1, "params": [0, 1]}]}
    return {"state_dict": OrderedDict(network), "epoch": 7, "best": 0.5, "name": "tiny", "optimizer": optimiser,
            "means": (torch.tensor([1.0]), torch.tensor([2.0]))}


def flat(value, name: str = "") -> dict[str, np.ndarray]:
    """Returns the tensors of nested containers by their joined names, bfloat16 as float32."""
    import torch

    if isinstance(value, torch.Tensor):
        value = value.detach()
        return {name: (value.float() if value.dtype == torch.bfloat16 else value).numpy()}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    return {key: array for inner, item in items for key, array in flat(item, f"{name}.{inner}".lstrip(".")).items()}


if __name__ == "__main__":
    import torch

    made = checkpoint()
    torch.save(made, RECORDED / "torch_zip.pth")
    torch.save(made, RECORDED / "torch_legacy.pth", _use_new_zipfile_serialization=False)
    np.savez_compressed(RECORDED / "torch_expected.npz", **flat(made))
    torch.save(torch.nn.Linear(2, 2), RECORDED / "torch_module.pth")
