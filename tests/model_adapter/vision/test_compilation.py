"""The encoder as the compiler and the GPU see it: whole graphs, no waiting for the host, and few operations."""

import re
from dataclasses import replace
from typing import Any

import pytest
import torch
from no_waiting import NoWaiting
from seeded_encoders import SeededEncoder, Views
from torch.utils.flop_counter import FlopCounterMode

from ocrmill.model_adapter.tiling import GLOBAL_SIZE, OCR2, TILE_SIZE
from ocrmill.model_adapter.vision.compilation import PARTS, choose_compilation, compile_parts
from ocrmill.model_adapter.vision.config import EncoderConfig, FlowConfig, SamConfig
from ocrmill.model_adapter.vision.encoder import DeepEncoderV2

PAGE_TFLOP = 5.75  # vLLM's own encoder takes 5.73


def without_memory(config: EncoderConfig, *, kernel: bool) -> DeepEncoderV2:
    """An encoder on the device whose tensors have no content, which stands for a GPU."""
    with torch.device("meta"):
        made = DeepEncoderV2(config).to(torch.bfloat16).requires_grad_(False)
    made.sam.use_kernel(kernel)
    return made


@pytest.fixture(params=[True, False], ids=["kernel", "torch"])
def published(request: pytest.FixtureRequest) -> DeepEncoderV2:
    """The published encoder."""
    return without_memory(EncoderConfig(), kernel=request.param)


@pytest.fixture(params=[True, False], ids=["kernel", "torch"])
def encoder(request: pytest.FixtureRequest) -> DeepEncoderV2:
    """The published widths with two layers of each kind; the others would repeat them."""
    config = EncoderConfig(SamConfig(layers=4, global_attn_indexes=(1, 3)), FlowConfig(layers=2))
    return without_memory(config, kernel=request.param)


@pytest.fixture
def as_on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the branches that GPUs take: on a CPU attention goes over its scores in hundreds of small blocks."""
    monkeypatch.setattr(
        "ocrmill.model_adapter.vision.attention.relative_attention.has_cheap_products", lambda _tensor: True
    )


def page_of_six_tiles() -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    views = [
        torch.empty(count, size, size, 3, dtype=torch.uint8, device="meta")
        for count, size in ((1, GLOBAL_SIZE), (6, TILE_SIZE))
    ]
    return views[0], views[1], [6]


@pytest.mark.usefixtures("as_on_gpu")
@torch.inference_mode()
def test_no_operation_waits_for_the_host(encoder: DeepEncoderV2) -> None:
    """A page goes through the encoder without a number or a tensor that comes back to the CPU."""
    encoder(*page_of_six_tiles())  # what is made once
    with NoWaiting() as mode:
        encoder(*page_of_six_tiles())

    assert mode.operations > 100


def test_a_wait_would_be_seen() -> None:
    """The mode fails on a number that is read, and on a tensor that is copied to the host."""
    with NoWaiting(), pytest.raises(AssertionError, match="waits"):
        torch.ones(1).item()
    with NoWaiting(), pytest.raises(AssertionError, match="waits"):
        torch.ones(3).nonzero()


@pytest.mark.usefixtures("as_on_gpu")
@torch.inference_mode()
def test_a_page_takes_few_operations(published: DeepEncoderV2) -> None:
    """With the kernel a page of six tiles takes at most 5.75 TFLOP, padding counted; torch's operations take 6.54."""
    with FlopCounterMode(display=False) as counter:
        published(*page_of_six_tiles())
    tflop = counter.get_total_flops() / 1e12
    print(f"{tflop:.3f} TFLOP, kernel: {published.sam.has_kernel}")

    if published.sam.has_kernel:
        assert tflop <= PAGE_TFLOP
    else:
        assert tflop == pytest.approx(6.54, abs=0.02)


@pytest.mark.usefixtures("as_on_gpu")
@pytest.mark.parametrize("kernel", [True, False], ids=["kernel", "torch"])
@pytest.mark.parametrize("size", [GLOBAL_SIZE, TILE_SIZE])
def test_no_graph_is_broken(
    small_config: EncoderConfig,
    seeded_encoder: SeededEncoder,
    views: Views,
    kernel: bool,
    size: int,
) -> None:
    """Trunk and flow encoder are one graph each, whichever attention they take."""
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


@torch.inference_mode()
@pytest.mark.parametrize("encoder", [True], indirect=True, ids=["kernel"])
def test_a_part_is_compiled_once_for_all_layers_and_numbers_of_views(encoder: DeepEncoderV2) -> None:
    """Six kinds of parts, each at most for one view and for several: further layers and numbers of views add none."""
    graphs: list[Any] = []

    def keep(graph: Any, _inputs: Any) -> Any:
        graphs.append(graph)
        return graph

    def encode(*counts: int) -> int:
        for count in counts:
            encoder.encode(torch.empty(count, TILE_SIZE, TILE_SIZE, 3, dtype=torch.uint8, device="meta"))
        return len(graphs)

    torch._dynamo.reset()
    compile_parts(encoder, keep)
    made = encode(1, 2)

    assert 6 <= made <= 2 * 6
    assert encode(3, 5) == made


@pytest.fixture
def checked_encoder(
    as_on_gpu: None, small_config: EncoderConfig, seeded_encoder: SeededEncoder, monkeypatch: pytest.MonkeyPatch
) -> DeepEncoderV2:
    """A small encoder that is checked by one tile only, by the branches that GPUs take: a test takes seconds."""
    monkeypatch.setattr("ocrmill.model_adapter.vision.compilation.CHECKED_VIEWS", (1,))
    encoder = seeded_encoder(small_config)
    encoder.layout = replace(OCR2, global_px=TILE_SIZE, max_tiles=0)
    return encoder


def right(graph: Any, _inputs: Any) -> Any:
    return graph


@torch.inference_mode()
def test_compiled_parts_are_used_where_they_are_right(checked_encoder: DeepEncoderV2, views: Views) -> None:
    """Every part runs by what the compiler made of it, to the same embeddings."""
    encoder = checked_encoder
    expected = encoder.encode(views([1], TILE_SIZE))
    torch._dynamo.reset()
    choose_compilation(encoder, "on", backend=right)

    assert {name for module in encoder.modules() for name in vars(module)} >= {name for _, name in PARTS}
    torch.testing.assert_close(encoder.encode(views([1], TILE_SIZE)), expected, rtol=1e-4, atol=1e-5)


def wrong(graph: Any, _inputs: Any) -> Any:
    return lambda *given: [value * 1.1 for value in graph(*given)]


def broken(_graph: Any, _inputs: Any) -> Any:
    raise ValueError("no compiler is here")


def test_a_compiler_that_errs_is_left_aside(
    checked_encoder: DeepEncoderV2, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`auto` warns and goes on without one that fails, `on` ends if one is wrong; the encoder is as it was."""
    encoder = checked_encoder
    monkeypatch.setattr("ocrmill.model_adapter.vision.compilation.is_worthwhile", lambda _encoder: True)
    torch._dynamo.reset()
    choose_compilation(encoder, "auto", backend=broken)
    assert re.search("runs uncompiled, which is slower: it does not compile .*no compiler is here", caplog.text)

    with pytest.raises(RuntimeError, match=r"compiled it is wrong, by .* for 768 px; choose encoder_compile `off`"):
        choose_compilation(encoder, "on", backend=wrong)
    assert all("forward" not in vars(module) for module in encoder.modules())


@pytest.mark.parametrize("choice", ["auto", "off"])
def test_on_a_cpu_nothing_is_compiled(small_config: Any, seeded_encoder: Any, choice: Any) -> None:
    """Compiling takes longer there than it saves."""
    choose_compilation(seeded_encoder(small_config), choice, backend=broken)


@pytest.mark.filterwarnings("ignore")  # torch's own imports warn
def test_inductor_counts_what_a_fused_kernel_moves() -> None:
    """The count of bench/encoder_traffic.py: two operations on a million numbers read them once and write once.

    A product reads both its sides and writes; eager operations move each tensor that they take or give.
    """
    from bench.encoder_traffic import CompiledTraffic, EagerTraffic

    numbers, weight = torch.ones(1000, 1000), torch.ones(1000, 10)
    counter = CompiledTraffic()
    torch._dynamo.reset()
    torch.compile(lambda x: (x * 2).sin(), backend=counter)(numbers)
    fused = counter.bytes
    torch.compile(lambda x, y: x @ y, backend=counter)(numbers, weight)
    with EagerTraffic() as eager:
        (numbers * 2).sin()

    assert fused == 2 * numbers.nbytes
    assert counter.bytes - fused == numbers.nbytes + 2 * weight.nbytes
    assert eager.bytes == 4 * numbers.nbytes
