"""The encoder as the compiler and the GPU see it: whole graphs, no waiting for the host, and few operations."""

from typing import Any

import pytest
import torch
from seeded_encoders import SeededEncoder, Views
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from ocrmill.model_adapter.tiling import GLOBAL_SIZE, TILE_SIZE
from ocrmill.model_adapter.vision.config import EncoderConfig
from ocrmill.model_adapter.vision.encoder import DeepEncoderV2

WAITS = {"_local_scalar_dense", "item", "nonzero", "masked_select", "unique2", "is_nonzero", "equal", "_to_cpu"}
PAGE_TFLOP = 5.75  # vLLM's own encoder takes 5.73


class NoWaiting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Fails on each operation for which a GPU makes the host wait: shapes by content, numbers, copies to the CPU."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations += 1
        name = function.overloadpacket.__name__
        assert name not in WAITS, f"{name} waits for the GPU"
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.device.type == "cpu":
            given = [value.device.type for value in args if isinstance(value, torch.Tensor)]
            assert "meta" not in given, f"{name} brings a tensor from the device to the host"
        return result


@pytest.fixture(params=[True, False], ids=["kernel", "torch"])
def encoder(request: pytest.FixtureRequest) -> DeepEncoderV2:
    """The published encoder without memory, on the device whose tensors have no content, which stands for a GPU."""
    with torch.device("meta"):
        made = DeepEncoderV2(EncoderConfig()).to(torch.bfloat16).requires_grad_(False)
    made.sam.use_kernel(request.param)
    return made


def page_of_six_tiles() -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    views = [
        torch.empty(count, size, size, 3, dtype=torch.uint8, device="meta")
        for count, size in ((1, GLOBAL_SIZE), (6, TILE_SIZE))
    ]
    return views[0], views[1], [6]


@torch.inference_mode()
def test_no_operation_waits_for_the_host(encoder: DeepEncoderV2) -> None:
    """A page goes through the encoder without a number or a tensor that comes back to the CPU."""
    encoder(*page_of_six_tiles())  # what is made once
    with NoWaiting() as mode:
        encoder(*page_of_six_tiles())

    assert mode.operations > 500


def test_a_wait_would_be_seen() -> None:
    """The mode fails on a number that is read, and on a tensor that is copied to the host."""
    with NoWaiting(), pytest.raises(AssertionError, match="waits"):
        torch.ones(1).item()
    with NoWaiting(), pytest.raises(AssertionError, match="waits"):
        torch.ones(3).nonzero()


@torch.inference_mode()
def test_a_page_takes_few_operations(encoder: DeepEncoderV2, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the kernel a page of six tiles takes at most 5.75 TFLOP, padding counted; torch's operations take 6.54."""
    monkeypatch.setattr("ocrmill.model_adapter.vision.relative_attention.has_cheap_products", lambda _tensor: True)
    with FlopCounterMode(display=False) as counter:
        encoder(*page_of_six_tiles())
    tflop = counter.get_total_flops() / 1e12
    print(f"{tflop:.3f} TFLOP, kernel: {encoder.sam.has_kernel}")

    if encoder.sam.has_kernel:
        assert tflop <= PAGE_TFLOP
    else:
        assert tflop == pytest.approx(6.54, abs=0.02)


@pytest.mark.parametrize("kernel", [True, False], ids=["kernel", "torch"])
@pytest.mark.parametrize("size", [GLOBAL_SIZE, TILE_SIZE])
def test_no_graph_is_broken(
    small_config: EncoderConfig,
    seeded_encoder: SeededEncoder,
    views: Views,
    kernel: bool,
    size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Trunk and flow encoder are one graph each, whichever attention they take."""
    monkeypatch.setattr("ocrmill.model_adapter.vision.relative_attention.has_cheap_products", lambda _tensor: True)
    encoder = seeded_encoder(small_config).to("meta")
    encoder.sam.use_kernel(kernel)
    batch = views([1, 2], size).to("meta")
    tokens = torch.empty(2, (size // 64) ** 2, small_config.flow.width, device="meta")
    for module, given in (
        (encoder.sam, (batch, encoder.sam.constants(batch))),
        (encoder.flow, (tokens, encoder.flow.constants(tokens.shape[1]))),
    ):
        torch._dynamo.reset()
        explanation = torch._dynamo.explain(module)(*given)
        assert explanation.graph_break_count == 0, explanation.break_reasons
        assert explanation.graph_count == 1
