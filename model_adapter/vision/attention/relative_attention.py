"""Attention over a square grid with decomposed relative positions (MViTv2, arXiv 2112.01526, section 4.1).

The score of a query at (i, j) and a key at (r, s) is `q . k / sqrt(d) + q . Rh[i - r] + q . Rw[j - s]`. As a table of
all queries by all keys, the last two terms take 384 MiB in bfloat16 for one view of 1024 px. Here they do not:
- Where products are cheap, on a GPU or in half precision on a CPU with AMX, they become part of the product: the query
  is widened by its S products with Rh and its S products with Rw, the key by what picks its row's and its column's out
  of them. That is plain attention, which the flash kernels do.
- On other CPUs products are dearer than memory in the cache: the table is made for a block of queries at a time. CPU
  time per layer and 768 px view in float32 on AVX2: 0.43 s, widened 0.74 s, a whole table 0.59 s; in bfloat16 on
  AVX-512 without AMX: 0.28 s and 0.46 s, and 0.84 s and 1.77 s for 1024 px.

Shape suffixes: W grids (views or windows), h heads, X = W * h, S positions a side of the grid, N = S * S positions, d
width of a head, L = 2 * S - 1 distances, R grid rows in a block.
"""

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

# Per thread. On one thread a quarter as many are as fast, but threads would meet more often; four times as many are a
# fifth slower.
BLOCK_SCORES = 1 << 21

# Only newer releases of torch tell; the older ones that we run on are those of GPUs.
_HAS_AMX = hasattr(torch.cpu, "get_capabilities") and bool(torch.cpu.get_capabilities().get("amx_tile", False))

FLASH_WIDTH = 8  # the flash kernels of GPUs want a multiple of it, and torch copies what is none


@dataclass(frozen=True, slots=True)
class PositionTable:
    """The relative positions of a grid, ready for products with queries."""

    size: int  # positions a side
    distances_ld: Tensor  # (2L, d): rows from the largest distance to the smallest, then columns
    picks_ns: Tensor  # (N, 2S, and zeros up to a multiple of 8): one where a key's row is, one where its column is

    @classmethod
    def of(cls, tables: tuple[Tensor, ...], size: int) -> "PositionTable":
        """Take the two tables of a layer, (any odd number of distances, d) each, to a grid of `size` positions a side.

        Tables for another size are resized as officially: linear, in float32, half-pixel centres.
        """
        ones = torch.eye(size, dtype=tables[0].dtype, device=tables[0].device)
        picks = [ones.repeat_interleave(size, dim=0), ones.repeat(size, 1)]
        resized = [resize_table(table, 2 * size - 1).flip(0) for table in tables]
        return cls(size, torch.cat(resized), F.pad(torch.cat(picks, dim=1), (0, -2 * size % FLASH_WIDTH)))

    def terms(self, q_xnd: Tensor, first_row: int) -> tuple[Tensor, Tensor]:
        """The row terms and column terms of whole grid rows of queries, (X, R, S, S) each: query row, column, key.

        Each query is multiplied with every distance. Its keys are a run of these products that starts one later from
        one query to the next: a view whose stride is one short.
        """
        size, distances = self.size, 2 * self.size - 1
        products = F.linear(q_xnd, self.distances_ld).contiguous()  # (X, RS, 2L), as the strides below take it to be
        views, positions, step = products.shape
        shape = (views, positions // size, size, size)
        rows = products.as_strided(shape, (positions * step, size * step - 1, step, 1), size - 1 - first_row)
        columns = products.as_strided(shape, (positions * step, size * step, step - 1, 1), distances + size - 1)
        return rows, columns


def relative_attention(q_whnd: Tensor, k_whnd: Tensor, v_whnd: Tensor, table: PositionTable) -> Tensor:
    """Attend from all positions of each grid to all; all shapes (W, h, N, d)."""
    attend = attend_widened if has_cheap_products(q_whnd) else attend_in_blocks
    return attend(q_whnd, k_whnd, v_whnd, table)


def has_cheap_products(tensor: Tensor) -> bool:
    """Tell if attention with tensors like this one is widened."""
    return tensor.is_cuda or (_HAS_AMX and tensor.dtype in {torch.bfloat16, torch.float16})


def attend_widened(q_whnd: Tensor, k_whnd: Tensor, v_whnd: Tensor, table: PositionTable) -> Tensor:
    """Attention with the relative terms inside the product; the values are padded, since flash kernels ask for it."""
    grids, heads, positions, width = q_whnd.shape
    terms = [term.reshape(grids, heads, -1, table.size) for term in table.terms(q_whnd.flatten(0, 1), 0)]
    further = table.picks_ns.shape[1]
    rest = q_whnd.new_zeros(grids, heads, positions, further - 2 * table.size)
    q_wide = torch.cat([q_whnd * width**-0.5, *terms, rest], dim=-1)
    k_wide = torch.cat([k_whnd, table.picks_ns.expand(grids, heads, -1, -1)], dim=-1)
    v_wide = F.pad(v_whnd, (0, further))
    return F.scaled_dot_product_attention(q_wide, k_wide, v_wide, scale=1.0)[..., :width]


def attend_in_blocks(
    q_whnd: Tensor, k_whnd: Tensor, v_whnd: Tensor, table: PositionTable, block_scores: int = BLOCK_SCORES
) -> Tensor:
    """Attention with the relative terms as a bias, made for as many scores at a time as stay in the cache."""
    grids, heads, positions, _ = q_whnd.shape
    size, block = table.size, block_scores * torch.get_num_threads()
    heads_at_once = min(heads, max(1, block // positions**2))
    grids_at_once = max(1, block // (heads * positions**2))
    rows_at_once = min(size, max(1, block // (size * positions)))
    out_whnd = torch.empty_like(q_whnd)
    starts = range(0, grids, grids_at_once), range(0, heads, heads_at_once), range(0, size, rows_at_once)
    for grid, head, row in product(*starts):
        here = slice(grid, grid + grids_at_once), slice(head, head + heads_at_once)
        queries = q_whnd[*here, row * size : (row + rows_at_once) * size]
        rows, columns = table.terms(queries.flatten(0, 1), row)
        bias = (rows.unsqueeze(-1) + columns.unsqueeze(-2)).reshape(*queries.shape[:3], positions)
        attended = F.scaled_dot_product_attention(queries, k_whnd[here], v_whnd[here], attn_mask=bias)
        out_whnd[*here, row * size : (row + rows_at_once) * size] = attended
    return out_whnd


def resize_table(table_ld: Tensor, distances: int) -> Tensor:
    """Interpolate a table of distances to another number of them: linear, in float32, half-pixel centres."""
    if len(table_ld) == distances:
        return table_ld
    resized = F.interpolate(table_ld.float().T[None], size=distances, mode="linear")
    return resized[0].T.to(table_ld.dtype)
