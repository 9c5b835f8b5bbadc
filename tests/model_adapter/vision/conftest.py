"""Seeded encoders, seeded views, and what the official encoder made of them. All need torch."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from model_adapter.seeded import seeded_tensor

collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]

GOLDEN = Path(__file__).parents[2] / "golden"


def seeded_view(seed: int, size: int) -> npt.NDArray[np.uint8]:
    """A view of smooth noise, so that neighbouring pixels are related as on a page: the one behind the golden files."""
    draw = np.random.Generator(np.random.PCG64(seed))
    coarse = draw.integers(0, 256, (size // 16, size // 16, 3), dtype=np.int64)
    fine = draw.integers(-32, 33, (size, size, 3), dtype=np.int64)
    return np.clip(coarse.repeat(16, 0).repeat(16, 1) + fine, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def views() -> Any:
    """A function: seeds and size to views (B, H, H, 3)."""
    import torch

    return lambda seeds, size: torch.from_numpy(np.stack([seeded_view(seed, size) for seed in seeds]))


@pytest.fixture(scope="session")
def golden() -> Any:
    """A function: name of a golden file to its arrays."""
    return lambda name: np.load(GOLDEN / f"{name}.npz")


@pytest.fixture(scope="session")
def seeded_encoder() -> Any:
    """A function: configuration and dtype to an encoder with seeded weights."""
    import torch

    from model_adapter.vision.encoder import DeepEncoderV2

    def make(config: Any, dtype: Any = torch.float32, **settings: int) -> DeepEncoderV2:
        with torch.device("meta"):
            encoder = DeepEncoderV2(config, **settings)
        encoder = encoder.to_empty(device="cpu").to(dtype)
        slots = encoder.checkpoint_slots().items()
        encoder.load_weights((name, torch.from_numpy(seeded_tensor(name, tuple(slot.shape)))) for name, slot in slots)
        return encoder.requires_grad_(False)

    return make


@pytest.fixture(scope="session")
def golden_config() -> Any:
    """The sizes of the tiny golden file."""
    from model_adapter.vision.config import EncoderConfig, FlowConfig, SamConfig

    sam = SamConfig(width=64, layers=4, heads=4, global_attn_indexes=(1, 3))
    return EncoderConfig(sam, FlowConfig(layers=2, intermediate_size=512), embedding_width=128)


@pytest.fixture(scope="session")
def small_config() -> Any:
    """Sizes at which an encoder takes a fraction of a second."""
    from model_adapter.vision.config import EncoderConfig, FlowConfig, SamConfig

    sam = SamConfig(width=32, layers=2, heads=1, global_attn_indexes=(1,), neck_channels=16, downsample_channels=16)
    flow = FlowConfig(width=64, layers=2, heads=4, kv_heads=2, intermediate_size=128)
    return EncoderConfig(sam, flow, embedding_width=48)


@pytest.fixture
def quick_bfloat16() -> Iterator[None]:
    """On a CPU without bfloat16 units, let matrix products take bfloat16 through float32, which such units add up in.

    torch's own way there is a hundred times slower than float32.
    """
    import torch
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode

    products = {functional.linear, functional.conv2d, functional.scaled_dot_product_attention}

    class ThroughFloat32(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            if function not in products or args[0].dtype != torch.bfloat16:
                return function(*args, **kwargs)
            wide = [value.float() if isinstance(value, torch.Tensor) else value for value in args]
            named = {key: value.float() if isinstance(value, torch.Tensor) else value for key, value in kwargs.items()}
            return function(*wide, **named).to(torch.bfloat16)

    if torch.backends.cpu.get_cpu_capability() == "AVX512":
        yield
        return
    with ThroughFloat32():
        yield
