"""Attention with relative positions, both ways, against the formula."""

import numpy as np
import pytest
import torch

from ocrmill.model_adapter.vision.attention import relative_attention
from ocrmill.model_adapter.vision.attention.relative_attention import PositionTable, attend_in_blocks, attend_widened

GRIDS, HEADS, WIDTH = 2, 2, 8


def tensors(size: int, distances: int) -> tuple[torch.Tensor, ...]:
    """Queries, keys and values of two heads on two grids, and both tables."""
    draw = torch.Generator().manual_seed(size)
    qkv = [torch.randn(GRIDS, HEADS, size * size, WIDTH, generator=draw) for _ in range(3)]
    return *qkv, *(torch.randn(distances, WIDTH, generator=draw) for _ in range(2))


def by_formula(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, size: int
) -> torch.Tensor:
    """Every score on its own terms, in float64."""
    places = [(place // size, place % size) for place in range(size * size)]
    scores = torch.empty(GRIDS, HEADS, len(places), len(places), dtype=torch.float64)
    for query, (i, j) in enumerate(places):
        for key, (r, s) in enumerate(places):
            distance = rows[i - r + size - 1] + columns[j - s + size - 1]
            scores[..., query, key] = (q[..., query, :] * (k[..., key, :] / WIDTH**0.5 + distance)).double().sum(-1)
    return (scores.softmax(-1) @ v.double()).float()


@pytest.mark.parametrize("size", [1, 5, 7])
@pytest.mark.parametrize("block_scores", [1, 200, 3000, 1 << 20])
def test_blocks_follow_the_formula(size: int, block_scores: int) -> None:
    """A bias made block by block, from one grid row of one head to several heads at once, gives the formula."""
    q, k, v, rows, columns = tensors(size, 2 * size - 1)
    table = PositionTable.of((rows, columns), size)
    ours = attend_in_blocks(q, k, v, table, block_scores)

    torch.testing.assert_close(ours, by_formula(q, k, v, rows, columns, size), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("block_scores", [200, 1 << 20])
def test_half_precision_in_blocks_sums_in_float32(block_scores: int) -> None:
    """Scores and sums of bfloat16 are no further from the formula than its inputs and outputs are rounded."""
    q, k, v, rows, columns = (each.bfloat16() for each in tensors(7, 13))
    ours = attend_in_blocks(q, k, v, PositionTable.of((rows, columns), 7), block_scores)
    expected = by_formula(q.float(), k.float(), v.float(), rows.float(), columns.float(), 7)

    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.float(), expected, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("size", [1, 5, 7])
def test_wide_heads_follow_the_formula(size: int) -> None:
    """Queries and keys widened by the relative terms, which is how a GPU does it, give the formula."""
    q, k, v, rows, columns = tensors(size, 2 * size - 1)
    ours = attend_widened(q, k, v, PositionTable.of((rows, columns), size))

    torch.testing.assert_close(ours, by_formula(q, k, v, rows, columns, size), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("given", "size"), [(127, 48), (27, 20), (9, 3)])
def test_tables_are_resized_linearly(given: int, size: int) -> None:
    """A table for another grid is interpolated between the centres of its entries, without reaching past its ends."""
    _, _, _, rows, _ = tensors(2, given)
    wanted = 2 * size - 1
    centres = (np.arange(wanted) + 0.5) * given / wanted - 0.5
    expected = np.stack([np.interp(centres, np.arange(given), column) for column in rows.numpy().T], axis=1)
    resized = PositionTable.of((rows, rows), size).distances_ld[:wanted].flip(0)

    np.testing.assert_allclose(resized.numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("amx", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_only_matrix_units_make_products_cheap(dtype: torch.dtype, amx: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU attention is widened in half precision where it has AMX, and nowhere else."""
    monkeypatch.setattr(relative_attention, "_HAS_AMX", amx)
    assert relative_attention.has_cheap_products(torch.empty(1, dtype=dtype)) == (amx and dtype != torch.float32)
