"""Attention over grids with decomposed relative positions by a Triton kernel of our own, for CUDA.

Windows, their padding and the relative terms are the kernel's affair, so that no tensor is sorted, completed, widened
or padded, and queries, keys and values are read where the linear layer wrote them. `relative_attention` is the same in
torch's operations, and the reference. This module needs no Triton until the kernel runs.

Shape suffixes: R patches of all views, h heads, d width of a head, L distances: 2 * S - 1, and zeros up to a multiple
of 8.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.utils.flop_counter import register_flop_formula

from ocrmill.model_adapter.vision.attention.relative_attention import resize_table

HEAD_WIDTH = 64
ALIGNMENT = 8  # products whose rows start at a multiple of 16 bytes go to the fast kernels
QUERIES = 64  # of a program: the rows of one product on Hopper
# Compiled by Triton 3.7.1 for sm_80, sm_90a and sm_100 nothing spills (bench/kernel_resources.py).
OPTIONS = {"num_warps": 4, "num_stages": 3}


@dataclass(frozen=True, slots=True)
class DistanceTables:
    """The relative positions of a grid or window for the kernel, from the smallest distance to the largest."""

    size: int  # positions a side
    rows_ld: Tensor
    columns_ld: Tensor

    @classmethod
    def of(cls, tables: tuple[Tensor, ...], size: int) -> "DistanceTables":
        """Take the two tables of a layer, (any odd number of distances, d) each, to `size` positions a side."""
        distances = 2 * size - 1
        missing = padded_distances(size) - distances
        rows, columns = (F.pad(resize_table(table, distances), (0, 0, 0, missing)) for table in tables)
        return cls(size, rows, columns)


@dataclass(frozen=True, slots=True)
class Rectangle:
    """The keys that a program takes at a time."""

    rows: int
    columns: int


WIDE, NARROW, SMALL = Rectangle(1, 64), Rectangle(4, 16), Rectangle(2, 16)


def rectangle_of(window: int) -> Rectangle:
    """Return the rectangle that suits a window, by what it leaves empty at the window's edges.

    48 and 64 a side are tiled without a rest, 14 by 2 x 16 with an eighth of it. A rectangle as wide as the grid keeps
    its column terms in registers for the whole run, so 64 takes that.
    """
    if window % WIDE.columns == 0:
        return WIDE
    return SMALL if window <= SMALL.columns else NARROW


def has_kernel_for(tensor: Tensor, head_width: int) -> bool:
    """Return True if tensors like this one, with heads of this width, are what the kernel is made for."""
    return tensor.is_cuda and tensor.dtype in {torch.bfloat16, torch.float16} and head_width == HEAD_WIDTH


def attend_on_grids(qkv_r3hd: Tensor, padding_3hd: Tensor, tables: DistanceTables, grid: int) -> Tensor:
    """Attend within the windows of each grid.

    Args:
        qkv_r3hd: queries, keys and values of each patch, view after view, row after row.
        padding_3hd: those of the places where a window reaches beyond its grid.
        tables: relative positions; their size is the window's. One of the grid's size attends among all patches.
        grid: patches a side of a view.

    Returns:
        (R, h * d): a weighted sum of values for each patch.
    """
    q_hrd = qkv_r3hd[:, 0].transpose(0, 1)
    heads = len(q_hrd)
    row_terms_hlr = torch.bmm(tables.rows_ld.expand(heads, -1, -1), q_hrd.transpose(1, 2))
    column_terms_hrl = torch.bmm(q_hrd, tables.columns_ld.T.expand(heads, -1, -1))
    out: Tensor = grid_attention(qkv_r3hd, padding_3hd, row_terms_hlr, column_terms_hrl, grid, tables.size)
    return out


@torch.library.custom_op("ocrmill::grid_attention", mutates_args=())
def grid_attention(
    qkv_r3hd: Tensor, padding_3hd: Tensor, row_terms_hlr: Tensor, column_terms_hrl: Tensor, grid: int, window: int
) -> Tensor:
    """Run the kernel; as an operator of torch, so that the compiler takes it as it is."""
    from ocrmill.model_adapter.vision.attention.grid_attention_kernel import attend_on_grids_kernel

    patches, _, heads, width = qkv_r3hd.shape
    out_rc = qkv_r3hd.new_empty(patches, heads * width)
    tensors = (tensor.contiguous() for tensor in (qkv_r3hd, padding_3hd, row_terms_hlr, column_terms_hrl))
    programs = (-(-(window**2) // QUERIES), heads, patches // grid**2 * (-(-grid // window)) ** 2)
    launch = constants_of(heads, width, grid, window) | OPTIONS
    attend_on_grids_kernel[programs](*tensors, out_rc, patches, **launch)
    return out_rc


def constants_of(heads: int, width: int, grid: int, window: int) -> dict[str, int | float]:
    """Return the arguments for which the kernel is compiled."""
    keys = rectangle_of(window)
    return {
        "SCALE": width**-0.5,
        "GRID": grid,
        "WINDOW": window,
        "HEADS": heads,
        "WIDTH": width,
        "DISTANCES": padded_distances(window),
        "QUERIES": QUERIES,
        "KEY_ROWS": keys.rows,
        "KEY_COLUMNS": keys.columns,
    }


def padded_distances(size: int) -> int:
    """Return the rows of a table of distances, with the zeros that align products with it."""
    return -(-(2 * size - 1) // ALIGNMENT) * ALIGNMENT


@grid_attention.register_fake
def _(qkv_r3hd: Tensor, _padding: Tensor, _rows: Tensor, _columns: Tensor, _grid: int, _window: int) -> Tensor:
    patches, _, heads, width = qkv_r3hd.shape
    return qkv_r3hd.new_empty(patches, heads * width)


@register_flop_formula(torch.ops.ocrmill.grid_attention)
def grid_attention_flop(
    qkv_shape: Sequence[int], _padding: object, _rows: object, _columns: object, grid: int, window: int, **_kwargs: Any
) -> int:
    """Count what the kernel multiplies and adds, with the empty places of its rectangles and of its last queries."""
    patches, _, heads, width = qkv_shape
    keys = rectangle_of(window)
    queries = -(-(window**2) // QUERIES) * QUERIES
    places = (-(-window // keys.rows) * keys.rows) * (-(-window // keys.columns) * keys.columns)
    windows = patches // grid**2 * (-(-grid // window)) ** 2
    return windows * heads * queries * places * width * 2 * 2
