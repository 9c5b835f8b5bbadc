"""The parts of torchvision that vLLM's own DeepSeek-OCR 2 uses, for benchmarks where it is not installed.

vLLM's processes find it as they find any plugin: by an entry point in a directory on their path.
"""

import importlib.machinery
import os
import sys
import types
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def install(directory: Path) -> None:
    """Offer `register` to vLLM in this process and in those it will start; nothing where torchvision is installed.

    Args:
        directory: an empty one, for the entry point.
    """
    if find_spec("torchvision") is not None:
        return
    metadata = directory / "torchvision_stand_in-0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision_stand_in\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text(
        "[vllm.general_plugins]\ntorchvision_stand_in = bench.torchvision_stand_in:register\n"
    )
    path = [str(directory), str(Path(__file__).parents[1])]
    sys.path[:0] = path
    os.environ["PYTHONPATH"] = os.pathsep.join([*path, *filter(None, [os.environ.get("PYTHONPATH")])])


def register() -> None:
    """Put the stand-in where `import torchvision.transforms` finds it."""
    from transformers.utils import is_torchvision_available

    is_torchvision_available()  # transformers remembers that it is not: it would want more than is here
    names = "torchvision", "torchvision.transforms"
    module, transforms = (types.ModuleType(name) for name in names)
    for name, made in zip(names, (module, transforms), strict=True):
        made.__spec__ = importlib.machinery.ModuleSpec(name, None)
    transforms.__dict__.update(ToTensor=ToTensor, Normalize=Normalize, Compose=Compose)
    module.__dict__["transforms"] = transforms
    sys.modules.update(zip(names, (module, transforms), strict=True))


class ToTensor:
    """A PIL image to (channels, height, width) float32 from 0 to 1."""

    def __call__(self, image: Any) -> Any:
        """The tensor."""
        import numpy as np
        import torch

        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)


class Normalize:
    """Subtract a mean, divide by a deviation, per channel."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        import torch

        self.mean, self.std = (torch.tensor(values)[:, None, None] for values in (mean, std))

    def __call__(self, tensor: Any) -> Any:
        """The tensor, changed in place."""
        return tensor.sub_(self.mean).div_(self.std)


class Compose:
    """One after the other."""

    def __init__(self, steps: list[Callable[[Any], Any]]) -> None:
        self.steps = steps

    def __call__(self, value: Any) -> Any:
        """The result of the last step."""
        for step in self.steps:
            value = step(value)
        return value
