"""The first DeepSeek-OCR's encoder as the compiler and the GPU see it, at the sizes of all its modes."""

from typing import Any

import pytest
import torch
from no_waiting import NoWaiting

from ocrmill.model_adapter.tiling import FIRST_MODES, LAYOUTS
from ocrmill.model_adapter.vision.compilation import PARTS, compile_parts
from ocrmill.model_adapter.vision.config import ClipConfig, ClipEncoderConfig, SamConfig
from ocrmill.model_adapter.vision.encoder import DeepEncoderV1
from ocrmill.model_adapter.vision.flow_encoder import FlowLayer

TILED = {"gundam": (6, 2), "gundam-master": (2, 2)}  # tiles of a page, and their columns


@pytest.fixture(autouse=True)
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the branches that GPUs take."""
    for module in ("attention.relative_attention", "sam_vit"):
        monkeypatch.setattr(f"ocrmill.model_adapter.vision.{module}.has_cheap_products", lambda _tensor: True)


@pytest.fixture(params=[True, False], ids=["kernel", "torch"])
def encoder(request: pytest.FixtureRequest) -> DeepEncoderV1:
    """The published widths with two layers, on the device whose tensors have no content, which stands for a GPU."""
    config = ClipEncoderConfig(SamConfig(layers=2, global_attn_indexes=(1,)), ClipConfig(layers=2))
    with torch.device("meta"):
        made = DeepEncoderV1(config).to(torch.bfloat16).requires_grad_(False)
    made.sam.use_kernel(request.param)
    return made


def pixels(views: int, size: int) -> torch.Tensor:
    return torch.empty(views, size, size, 3, dtype=torch.uint8, device="meta")


def encode_page(encoder: DeepEncoderV1, mode: str) -> None:
    encoder.layout = LAYOUTS[mode]
    tiles, columns = TILED.get(mode, (0, 1))
    encoder(pixels(1, encoder.layout.global_px), pixels(tiles, encoder.layout.tile_px), [tiles], [columns])


@torch.inference_mode()
@pytest.mark.parametrize("mode", FIRST_MODES)
def test_no_operation_waits_for_the_host(encoder: DeepEncoderV1, mode: str) -> None:
    """A page goes through in each mode without a number or a tensor that comes back to the CPU."""
    encode_page(encoder, mode)  # what is made once
    with NoWaiting() as waiting:
        encode_page(encoder, mode)

    assert waiting.operations > 50


@pytest.mark.parametrize("size", sorted({size for mode in FIRST_MODES for size in LAYOUTS[mode].sides}))
def test_no_graph_is_broken(encoder: DeepEncoderV1, size: int) -> None:
    """Trunk and CLIP are one graph each at every size of view."""
    batch = pixels(2, size)
    tokens = torch.empty(2, (size // 64) ** 2, 1024, dtype=torch.bfloat16, device="meta")
    for module, given in (
        (encoder.sam, (batch, encoder.sam.constants(batch))),
        (encoder.clip, (tokens, encoder.clip.positions(tokens.shape[1]))),
    ):
        torch._dynamo.reset()
        explanation = torch._dynamo.explain(module)(*given)
        assert explanation.graph_break_count == 0, explanation.break_reasons
        assert explanation.graph_count == 1


@torch.inference_mode()
@pytest.mark.parametrize("encoder", [True], indirect=True, ids=["kernel"])
def test_a_part_is_compiled_once_for_all_layers_and_numbers_of_views(encoder: DeepEncoderV1) -> None:
    """Five kinds of parts, each at most for one view and for several: further numbers of views add none."""
    graphs: list[Any] = []

    def keep(graph: Any, _inputs: Any) -> Any:
        graphs.append(graph)
        return graph

    def encode(*counts: int) -> int:
        for count in counts:
            encoder.encode(pixels(count, 640))
        return len(graphs)

    torch._dynamo.reset()
    compile_parts(encoder, keep)
    made = encode(1, 2)
    kinds = len([kind for kind, _ in PARTS if kind is not FlowLayer]) + 1  # blocks with windows and without

    assert kinds <= made <= 2 * kinds
    assert encode(3, 5) == made
