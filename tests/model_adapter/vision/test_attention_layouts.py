"""Attention's outputs come in the layout of whichever kernel made them, and CUDA's kernels are not the CPU's.

vLLM switches cuDNN's attention off, and flash attention takes no mask: masked attention goes to the memory-efficient
kernel, which writes (B, N, h, d) and gives a transposed view of it. Without a GPU such layouts are put on the CPU's
outputs here; torch's meta kernels say which there are.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from seeded_encoders import Golden, LayOut, SeededEncoder, Views
from torch.nn import functional

from ocrmill.model_adapter.tiling import GLOBAL_SIZE, TILE_SIZE
from ocrmill.model_adapter.vision.attention.relative_attention import PositionTable, attend_widened
from ocrmill.model_adapter.vision.config import EncoderConfig

ATEN = torch.ops.aten


def contiguous(_query: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    return output.contiguous()


def heads_inside(_query: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    return output.transpose(1, 2).contiguous().transpose(1, 2)


def as_the_query(query: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    """In the order of the query's axes, wherever they are dense."""
    return torch.empty_like(query[..., :1].expand(*query.shape[:3], output.shape[3])).copy_(output)


def cut_off_padding(_query: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    """Heads that are no multiple of 8 wide are padded before the flash kernels, and cut afterwards."""
    return functional.pad(output, (0, 8))[..., : output.shape[-1]]


def cut_off_padding_heads_inside(query: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    return heads_inside(query, functional.pad(output, (0, 8)))[..., : output.shape[-1]]


LAYOUTS = [contiguous, heads_inside, as_the_query, cut_off_padding, cut_off_padding_heads_inside]


@pytest.mark.parametrize("lay_out", LAYOUTS)
def test_the_encoder_takes_every_layout(
    distances_to: Callable[..., dict[str, float]],
    golden: Golden,
    golden_config: EncoderConfig,
    seeded_encoder: SeededEncoder,
    views: Views,
    as_on_cuda: Callable[[LayOut], Any],
    lay_out: LayOut,
) -> None:
    """On the branches that GPUs take, every stage is the official one's, whatever layout the kernels return.

    Of tiles: a global view, which goes the same way and takes longer, is among the whole pages below.
    """
    encoder = seeded_encoder(golden_config)
    with as_on_cuda(lay_out) as kernels:
        distances = distances_to(golden("encoder_tiny"), encoder, views, flow_step=2, out_step=1, kinds=["local"])

    assert kernels.attended
    assert all(distance < 1e-4 for distance in distances.values()), distances


@torch.inference_mode()
@pytest.mark.parametrize("lay_out", LAYOUTS)
def test_a_page_takes_every_layout(
    small_config: EncoderConfig,
    seeded_encoder: SeededEncoder,
    views: Views,
    as_on_cuda: Callable[[LayOut], Any],
    lay_out: LayOut,
) -> None:
    """So do whole pages, with one view and with several at a time, to the same embeddings."""
    encoder = seeded_encoder(small_config)
    page = views([1], GLOBAL_SIZE), views([2, 3], TILE_SIZE), [2]
    (expected,) = encoder(*page)
    for memory_mb in (0, 4096):
        encoder.memory_mb = memory_mb
        with as_on_cuda(lay_out):
            (embeddings,) = encoder(*page)
        torch.testing.assert_close(embeddings, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("lay_out", LAYOUTS)
def test_wide_attention_takes_every_layout(as_on_cuda: Callable[[LayOut], Any], lay_out: LayOut) -> None:
    """Queries of a single grid, or that lie between keys and values, give what contiguous ones give."""
    size, width = 5, 8
    q, k, v = torch.randn(1, size * size, 3, 2, width).permute(2, 0, 3, 1, 4)
    table = PositionTable.of((torch.randn(2 * size - 1, width),) * 2, size)
    expected = attend_widened(q.contiguous(), k.contiguous(), v.contiguous(), table)
    with as_on_cuda(lay_out):
        torch.testing.assert_close(attend_widened(q, k, v, table), expected)


def meta_shapes(width: int) -> tuple[torch.Tensor, ...]:
    """Query, keys, values and a mask on the meta device, where torch's kernels give shapes and strides only."""
    query = torch.empty(2, 2, 7 * 16, width, device="meta", dtype=torch.bfloat16)
    keys = torch.empty(2, 2, 32, width, device="meta", dtype=torch.bfloat16)
    return query, keys, keys, torch.empty(2, 2, 7 * 16, 32, device="meta", dtype=torch.bfloat16)


def kernels_of_cuda() -> dict[str, Callable[..., Any]]:
    """Each kernel that attention can go to on CUDA, as a function of query, keys, values and mask."""
    return {
        "efficient": lambda q, k, v, mask: ATEN._scaled_dot_product_efficient_attention(q, k, v, mask, False),
        "cudnn": lambda q, k, v, mask: ATEN._scaled_dot_product_cudnn_attention(q, k, v, mask, False),
        "flash": lambda q, k, v, _mask: ATEN._scaled_dot_product_flash_attention(q, k, v),
        "math": ATEN._scaled_dot_product_attention_math,
    }


@pytest.mark.parametrize("kernel", kernels_of_cuda())
@pytest.mark.parametrize("query_layout", [contiguous, heads_inside], ids=["contiguous", "heads_inside"])
def test_these_are_the_layouts_of_cuda(kernel: str, query_layout: LayOut) -> None:
    """Each kernel's strides, as torch's meta kernels give them, are among those tried above: another torch may differ.

    Where a kernel returns a new layout, add it to LAYOUTS.
    """
    query, keys, values, mask = meta_shapes(64)
    query = query_layout(query, query)
    output = kernels_of_cuda()[kernel](query, keys, values, mask)[0]
    tried = {lay_out(query, torch.empty(output.shape, device="meta")).stride() for lay_out in LAYOUTS}

    assert output.stride() in tried


def test_masked_attention_is_transposed() -> None:
    """The kernel that vLLM leaves for masked attention on CUDA writes heads inside: no view merges those axes."""
    output = ATEN._scaled_dot_product_efficient_attention(*meta_shapes(64), False)[0]

    assert (output.stride(1), output.stride(2)) == (64, 2 * 64)
    with pytest.raises(RuntimeError, match="view"):
        output.view(2, 14, 16, 64)
