"""Seeded encoders, seeded views, and what the official encoder made of them. All need torch."""

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ocrmill.model_adapter.checkpoint.seeded import seeded_tensor
from ocrmill.model_adapter.tiling import GLOBAL_SIZE, TILE_SIZE

collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]

GOLDEN = Path(__file__).parents[2] / "golden"
GOLDEN_SEEDS = {"global": ([1], GLOBAL_SIZE), "local": ([2, 3], TILE_SIZE)}


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
def distances_to() -> Any:
    """A function: golden arrays, of every n-th channel and token, to the relative distance of each of our stages.

    With `most=1` it takes one view of each kind, with `kinds` only views of these.
    """
    import torch

    def distance(ours: Any, theirs: npt.NDArray[np.float32]) -> float:
        return float(np.linalg.norm(ours.float().numpy() - theirs) / np.linalg.norm(theirs))

    def hold_against(
        golden: Any,
        encoder: Any,
        views: Any,
        *,
        flow_step: int,
        out_step: int,
        most: int = 2,
        kinds: Sequence[str] = tuple(GOLDEN_SEEDS),
    ) -> dict[str, float]:
        distances = {}
        with torch.inference_mode():
            for kind in kinds:
                seeds, size = GOLDEN_SEEDS[kind]
                sam = encoder.sam(views(seeds[:most], size))
                flow = encoder.flow(sam.flatten(1, 2))
                out = encoder.projector(flow)
                distances[f"{kind} sam"] = distance(sam.permute(0, 3, 1, 2)[:, ::8], golden[f"{kind}_sam"][:most])
                distances[f"{kind} flow"] = distance(flow[:, ::flow_step, ::2], golden[f"{kind}_flow"][:most])
                distances[f"{kind} out"] = distance(out[:, ::out_step], golden[f"{kind}_out"][:most])
        return distances

    return hold_against


@pytest.fixture(scope="session")
def seeded_encoder() -> Any:
    """A function: configuration and dtype to an encoder with seeded weights."""
    import torch

    from ocrmill.model_adapter.vision.encoder import DeepEncoderV2

    def make(config: Any, dtype: Any = torch.float32, **settings: Any) -> DeepEncoderV2:
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
    from ocrmill.model_adapter.vision.config import EncoderConfig, FlowConfig, SamConfig

    sam = SamConfig(width=64, layers=4, heads=4, global_attn_indexes=(1, 3))
    return EncoderConfig(sam, FlowConfig(layers=2, intermediate_size=512), embedding_width=128)


@pytest.fixture(scope="session")
def small_config() -> Any:
    """Sizes at which an encoder takes a fraction of a second."""
    from ocrmill.model_adapter.vision.config import EncoderConfig, FlowConfig, SamConfig

    sam = SamConfig(width=32, layers=2, heads=1, global_attn_indexes=(1,), neck_channels=16, downsample_channels=16)
    flow = FlowConfig(width=64, layers=2, heads=4, kv_heads=2, intermediate_size=128)
    return EncoderConfig(sam, flow, embedding_width=48)


@pytest.fixture
def as_on_cuda(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A context manager: take the branches that GPUs take, and lay attention's outputs out as a kernel there does.

    The numbers stay the CPU's; only strides change, through the function that lays them out.
    """
    import torch
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode

    class LaidOut(TorchFunctionMode):
        def __init__(self, lay_out: Callable[[Any, Any], Any]) -> None:
            super().__init__()
            self.lay_out = lay_out
            self.attended = 0

        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            if function is not functional.scaled_dot_product_attention:
                return result
            self.attended += 1
            laid_out = self.lay_out(args[0], result)
            assert torch.equal(laid_out, result)
            return laid_out

    for module in ("attention.relative_attention", "sam_vit"):
        monkeypatch.setattr(f"ocrmill.model_adapter.vision.{module}.has_cheap_products", lambda _tensor: True)
    return LaidOut


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
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
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
