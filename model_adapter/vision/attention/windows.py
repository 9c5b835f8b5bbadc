"""Indices that cut views into windows of patches, and the way back.

Sorting by whole rows runs at the speed of memory; moving a grid's axes takes three to four times as long.

Shape suffixes: B views, S patches a side of a view, W windows of all views, N patches of a window.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


@dataclass(frozen=True, slots=True)
class Windows:
    """Row numbers for `index_select`."""

    patches_wn: Tensor  # (W * N,): which row of patches (B * S * S) each place of a window takes; where none, B * S * S
    places_bss: Tensor  # (B * S * S,): which row of the windows (W * N) each patch went to


@lru_cache(maxsize=64)  # of one encoder: as many as there are sizes of batches
def windows_of(batch: int, grid: int, window: int, device: torch.device) -> Windows:
    """The windows, `window` patches a side, that cover `batch` grids of `grid` patches a side from their first on."""
    across = -(-grid // window)
    missing = across * window - grid
    with torch.inference_mode(False):
        patches_bss = torch.arange(batch * grid * grid, device=device).view(batch, grid, grid)
        completed = F.pad(patches_bss, (0, missing, 0, missing), value=batch * grid * grid)
        patches_wn = completed.view(batch, across, window, across, window).transpose(2, 3).flatten()
        places = torch.empty(batch * grid * grid + 1, dtype=torch.int64, device=device)
        places[patches_wn] = torch.arange(len(patches_wn), device=device)
    return Windows(patches_wn, places[:-1])
