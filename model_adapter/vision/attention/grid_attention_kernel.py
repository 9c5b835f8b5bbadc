"""The Triton kernel behind `grid_attention`. Imports Triton, so it is imported on CUDA only, and by the tests.

Queries, keys and values stay where the linear layer wrote them, patch after patch: a window is a rule for addresses,
its padding is the bias, and the output goes straight to its patch. A program takes some queries of one head in one
window and goes through the keys by rectangles of the grid, all columns of a strip before the next strip:
- the column terms of a strip stay in registers;
- the row term is one number for each query and key row;
- a rectangle of 4 x 16 keys tiles a grid of 48 a side without a rest, 2 x 16 one of 14 with an eighth of rest.

The softmax is the running one of FlashAttention (arXiv 2205.14135), in float32 and to the base 2. Heads stay as wide as
they are, and no tensor has an axis of all keys.

Names: `patch` is a row of the packed tensor, `place` a position in a window; S is WINDOW, R the patches of all views.
"""

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def attend_on_grids_kernel(
    packed_ptr,  # (R, 3, HEADS, WIDTH): queries, keys, values
    padding_ptr,  # (3, HEADS, WIDTH): what stands where a window reaches beyond its grid
    row_terms_ptr,  # (HEADS, DISTANCES, R): query . row table, by query row - key row + S - 1
    column_terms_ptr,  # (HEADS, R, DISTANCES): the same of columns
    out_ptr,  # (R, HEADS, WIDTH)
    patches,  # R
    SCALE: tl.constexpr,  # of the products of queries and keys
    GRID: tl.constexpr,  # patches a side of a view
    WINDOW: tl.constexpr,  # patches a side of a window; as many as GRID where all patches see each other
    HEADS: tl.constexpr,
    WIDTH: tl.constexpr,  # of a head
    DISTANCES: tl.constexpr,
    QUERIES: tl.constexpr,  # of a program
    KEY_ROWS: tl.constexpr,  # of a rectangle
    KEY_COLUMNS: tl.constexpr,
) -> None:
    """Attend from QUERIES places of one window and head to all its places."""
    across: tl.constexpr = (GRID + WINDOW - 1) // WINDOW
    stride: tl.constexpr = 3 * HEADS * WIDTH
    head, window = tl.program_id(1), tl.program_id(2)
    first_patch = (window // (across * across)).to(tl.int64) * GRID * GRID
    top, left = window // across % across * WINDOW, window % across * WINDOW
    packed_ptr += first_patch * stride + head * WIDTH
    padding_ptr += head * WIDTH
    channel = tl.arange(0, WIDTH)
    place = tl.program_id(0) * QUERIES + tl.arange(0, QUERIES)
    row, column = place // WINDOW, place % WINDOW
    is_query = (place < WINDOW * WINDOW) & (top + row < GRID) & (left + column < GRID)
    row, column = tl.where(is_query, row, 0), tl.where(is_query, column, 0)
    patch = (top + row) * GRID + left + column
    query = tl.load(packed_ptr + patch[:, None] * stride + channel[None, :])
    patch += first_patch
    row_terms_ptr += head.to(tl.int64) * DISTANCES * patches + patch + (row + WINDOW - 1) * patches
    column_terms_ptr += (head.to(tl.int64) * patches + patch) * DISTANCES + column + WINDOW - 1

    key = tl.arange(0, KEY_ROWS * KEY_COLUMNS)
    largest, total = tl.full([QUERIES], -float("inf"), tl.float32), tl.zeros([QUERIES], tl.float32)
    out = tl.zeros([QUERIES, WIDTH], tl.float32)
    for first_column in range(0, WINDOW, KEY_COLUMNS):
        key_column = tl.minimum(first_column + key % KEY_COLUMNS, WINDOW - 1)
        column_terms = tl.load(column_terms_ptr[:, None] - key_column[None, :]).to(tl.float32) * LOG2_E
        if WINDOW % KEY_COLUMNS != 0:
            column_terms = tl.where((first_column + key % KEY_COLUMNS < WINDOW)[None, :], column_terms, -float("inf"))
        for first_row in range(0, WINDOW, KEY_ROWS):
            key_row = tl.minimum(first_row + key // KEY_COLUMNS, WINDOW - 1)
            key_ptr = _key_pointers(packed_ptr, padding_ptr, top + key_row, left + key_column, GRID, WINDOW, stride)
            terms = _add_row_terms(column_terms, row_terms_ptr, patches, first_row, WINDOW, KEY_ROWS, KEY_COLUMNS)
            keys = tl.load(key_ptr[None, :] + (HEADS * WIDTH + channel)[:, None])
            scores = tl.dot(query, keys, input_precision="ieee") * (SCALE * LOG2_E) + terms
            values = tl.load(key_ptr[:, None] + (2 * HEADS * WIDTH + channel)[None, :])
            larger = tl.maximum(largest, tl.max(scores, 1))
            weights, shrink = tl.math.exp2(scores - larger[:, None]), tl.math.exp2(largest - larger)
            total = total * shrink + tl.sum(weights, 1)
            out = tl.dot(weights.to(values.dtype), values, out * shrink[:, None], input_precision="ieee")
            largest = larger
    out_ptr += patch[:, None] * (HEADS * WIDTH) + head * WIDTH + channel[None, :]
    tl.store(out_ptr, (out / total[:, None]).to(out_ptr.dtype.element_ty), mask=is_query[:, None])


@triton.jit
def _key_pointers(
    packed_ptr, padding_ptr, row, column, GRID: tl.constexpr, WINDOW: tl.constexpr, stride: tl.constexpr
) -> tl.tensor:
    """Point at the patches of a rectangle, and at the padding where the window reaches beyond the grid."""
    pointers = packed_ptr + (row * GRID + column) * stride
    if GRID % WINDOW != 0:
        pointers = tl.where((row < GRID) & (column < GRID), pointers, padding_ptr + tl.zeros_like(row))
    return pointers


@triton.jit
def _add_row_terms(
    column_terms,
    row_terms_ptr,
    patches,
    first_row,
    WINDOW: tl.constexpr,
    KEY_ROWS: tl.constexpr,
    KEY_COLUMNS: tl.constexpr,
) -> tl.tensor:
    """Add to the column terms of a rectangle its row terms, one for each query and key row."""
    line = tl.arange(0, KEY_ROWS * KEY_COLUMNS) // KEY_COLUMNS
    terms = column_terms
    for at in tl.static_range(KEY_ROWS):
        row = first_row + at
        term = tl.load(row_terms_ptr - tl.minimum(row, WINDOW - 1) * patches).to(tl.float32) * LOG2_E
        if WINDOW % KEY_ROWS != 0:
            term = tl.where(row < WINDOW, term, -float("inf"))
        if KEY_ROWS == 1:  # nothing to choose: 145 registers on sm_90a in place of 175
            terms = column_terms + term[:, None]
        else:
            terms = tl.where((line == at)[None, :], column_terms + term[:, None], terms)
    return terms
