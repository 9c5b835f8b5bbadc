"""Tests of the attention kernel in Triton's interpreter, which test_grid_attention.py runs under several Tritons.

The interpreter is chosen when Triton is imported, so these run in a process of their own, with TRITON_INTERPRET=1. It
does not compute in bfloat16 (its products take the bits for integers): float32 shows the arithmetic, float16 the
rounding in between.
"""

import os
import re
from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
import triton
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seeded_encoders import Golden, SeededEncoder, Views
from torch.utils.flop_counter import FlopCounterMode

from ocrmill.model_adapter.vision import attention_choice
from ocrmill.model_adapter.vision.attention import grid_attention
from ocrmill.model_adapter.vision.attention.grid_attention import DistanceTables, Rectangle, attend_on_grids
from ocrmill.model_adapter.vision.attention.relative_attention import PositionTable, attend_in_blocks
from ocrmill.model_adapter.vision.attention.windows import windows_of
from ocrmill.model_adapter.vision.attention_choice import choose_attention
from ocrmill.model_adapter.vision.config import EncoderConfig
from ocrmill.model_adapter.vision.sam_vit import SamVit

EXAMPLES = int(os.environ["KERNEL_EXAMPLES"])
RECTANGLES = [Rectangle(1, 64), Rectangle(4, 16), Rectangle(2, 16), Rectangle(1, 16), Rectangle(8, 8)]


def test_this_is_the_wanted_triton() -> None:
    """The Triton that is tested is the one that was put first on the path."""
    assert os.environ["EXPECTED_TRITON"] == triton.__version__


def drawn(
    views: int, grid: int, window: int, heads: int, width: int, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, ...]]:
    """Packed queries, keys and values, their padding, and the tables of distances."""
    draw = torch.Generator().manual_seed(grid * 100 + window)
    packed = torch.randn(views * grid**2, 3, heads, width, generator=draw).to(dtype)
    padding = torch.randn(3, heads, width, generator=draw).to(dtype)
    tables = tuple(torch.randn(2 * window - 1, width, generator=draw).to(dtype) for _ in range(2))
    return packed, padding, tables


def by_reference(
    packed: torch.Tensor, padding: torch.Tensor, tables: tuple[torch.Tensor, ...], views: int, grid: int, window: int
) -> torch.Tensor:
    """Attention by `attend_in_blocks`, in float32, with the windows sorted and completed."""
    heads, width = packed.shape[2:]
    windows = windows_of(views, grid, window, packed.device)
    completed = torch.cat([packed.float(), padding.float()[None]]).index_select(0, windows.patches_wn)
    q, k, v = completed.view(-1, window**2, 3, heads, width).permute(2, 0, 3, 1, 4)
    table = PositionTable.of(tuple(table.float() for table in tables), window)
    out = attend_in_blocks(q, k, v, table)
    return out.transpose(1, 2).reshape(-1, heads * width).index_select(0, windows.places_bss)


def distance(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours.float() - theirs).norm() / theirs.norm())


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    views=st.integers(1, 2),
    grid=st.integers(1, 8),
    window=st.integers(1, 7),
    heads=st.integers(1, 2),
    width=st.sampled_from([16, 32]),
    rectangle=st.sampled_from(RECTANGLES),
    queries=st.sampled_from([16, 32, 64]),
)
def test_the_kernel_is_the_reference(
    monkeypatch: pytest.MonkeyPatch,
    views: int,
    grid: int,
    window: int,
    heads: int,
    width: int,
    rectangle: Rectangle,
    queries: int,
) -> None:
    """Whatever the grid, window (padded or not), heads and tiling, the kernel gives what the reference gives."""
    window = min(grid, window)
    monkeypatch.setattr(grid_attention, "rectangle_of", lambda _window: rectangle)
    monkeypatch.setattr(grid_attention, "QUERIES", queries)
    packed, padding, tables = drawn(views, grid, window, heads, width)
    ours = attend_on_grids(packed, padding, DistanceTables.of(tables, window), grid)

    torch.testing.assert_close(ours, by_reference(packed, padding, tables, views, grid, window), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("grid", "window", "dtype", "bound"),
    [
        (64, 64, torch.float32, 2e-6),
        (48, 48, torch.float32, 2e-6),
        (48, 14, torch.float32, 2e-6),
        (48, 14, torch.float16, 3e-3),
    ],
    ids=str,
)
def test_the_sizes_that_occur(
    monkeypatch: pytest.MonkeyPatch, grid: int, window: int, dtype: torch.dtype, bound: float
) -> None:
    """Grids of the published model, with the rectangles and the width of heads that a GPU takes."""
    monkeypatch.setattr(grid_attention, "QUERIES", 1024)  # the interpreter's time goes by programs
    packed, padding, tables = drawn(1, grid, window, 1, grid_attention.HEAD_WIDTH, dtype)
    ours = attend_on_grids(packed, padding, DistanceTables.of(tables, window), grid)

    assert ours.dtype == dtype
    assert distance(ours, by_reference(packed, padding, tables, 1, grid, window)) < bound


@pytest.mark.parametrize("extreme", [60.0, -60.0])
def test_large_scores_do_not_overflow(extreme: float) -> None:
    """Scores of thousands, and rectangles in which all keys are far below the largest, leave no NaN."""
    packed, padding, tables = drawn(1, 10, 7, 1, 16)
    packed *= extreme
    ours = attend_on_grids(packed, padding, DistanceTables.of(tables, 7), 10)

    assert distance(ours, by_reference(packed, padding, tables, 1, 10, 7)) < 1e-4


@pytest.mark.parametrize(("grid", "window"), [(5, 5), (9, 4), (20, 14), (18, 18)])
def test_flops_are_those_that_the_kernel_computes(monkeypatch: pytest.MonkeyPatch, grid: int, window: int) -> None:
    """The formula of the operator is the sum over all products that the kernel really takes, counted one by one."""
    from triton.runtime.interpreter import InterpreterBuilder

    products = []
    multiply = InterpreterBuilder.create_dot

    def counted(self: Any, a: Any, b: Any, *rest: Any) -> Any:
        products.append(2 * a.data.shape[0] * a.data.shape[1] * b.data.shape[1])
        return multiply(self, a, b, *rest)

    monkeypatch.setattr(InterpreterBuilder, "create_dot", counted)
    packed, padding, tables = drawn(1, grid, window, 1, 16)
    with FlopCounterMode(display=False) as counter:
        attend_on_grids(packed, padding, DistanceTables.of(tables, window), grid)
    terms = 2 * 2 * grid**2 * 16 * grid_attention.padded_distances(window)

    assert counter.get_total_flops() == sum(products) + terms


@torch.inference_mode()
def test_an_encoder_with_the_kernel_agrees_with_the_official_one(
    monkeypatch: pytest.MonkeyPatch,
    distances_to: Callable[..., dict[str, float]],
    golden: Golden,
    golden_config: EncoderConfig,
    seeded_encoder: SeededEncoder,
    views: Views,
) -> None:
    """All stages of the small golden encoder on a tile, its windows and its global layers through the kernel.

    In few large steps, whose number makes the time; `test_the_sizes_that_occur` takes those of a GPU.
    """
    monkeypatch.setattr(grid_attention, "QUERIES", 1024)
    monkeypatch.setattr(grid_attention, "rectangle_of", lambda _window: Rectangle(16, 16))
    encoder = seeded_encoder(golden_config)
    encoder.sam.use_kernel(True)
    with FlopCounterMode(display=False) as counter:
        steps = {"flow_step": 2, "out_step": 1}
        distances = distances_to(golden("encoder_tiny"), encoder, views, **steps, most=1, kinds=["local"])

    assert torch.ops.ocrmill.grid_attention in counter.get_flop_counts()["Global"]
    assert all(distance < 1e-4 for distance in distances.values()), distances


SIDES = (16 * 16, 16 * 20)


@pytest.fixture
def trunk(small_config: EncoderConfig, monkeypatch: pytest.MonkeyPatch) -> SamVit:
    """A trunk of the small encoder that passes for one of a GPU, at the sizes of windows only, in few large steps."""
    monkeypatch.setattr(attention_choice, "has_kernel_for", lambda _tensor, _width: True)
    monkeypatch.setattr(grid_attention, "QUERIES", 512)  # the interpreter's time goes by programs and their steps
    monkeypatch.setattr(grid_attention, "rectangle_of", lambda _window: Rectangle(16, 16))
    return SamVit(small_config.sam, small_config.flow.width)


@pytest.mark.parametrize("choice", ["auto", "triton"])
def test_a_right_kernel_is_taken(trunk: SamVit, choice: Literal["auto", "triton"]) -> None:
    """The check at the start runs the kernel beside torch's operations, at every grid and window, and takes it."""
    choose_attention(trunk, choice, SIDES)

    assert trunk.has_kernel


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (lambda *_: (_ for _ in ()).throw(OSError("no C compiler")), "does not run .no C compiler"),
        (lambda packed, *_: packed[:, 2].flatten(1), "is wrong, by"),
        (lambda packed, *_: packed[:, 2].flatten(1) * float("nan"), "is wrong, by nan"),
    ],
    ids=["raises", "wrong", "nan"],
)
def test_a_broken_kernel_is_not_taken(
    trunk: SamVit,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[..., torch.Tensor],
    reason: str,
) -> None:
    """One that raises, differs or gives NaN is left, with a warning; who insists on it gets an error."""
    monkeypatch.setattr(attention_choice, "attend_on_grids", broken)
    choose_attention(trunk, "auto", SIDES)

    assert not trunk.has_kernel
    assert re.search(reason, caplog.text)
    with pytest.raises(RuntimeError, match=reason):
        choose_attention(trunk, "triton", SIDES)
