"""The rows that make up windows, against moving the axes of a padded grid."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from ocrmill.model_adapter.vision.attention.windows import windows_of

CPU = torch.device("cpu")


@pytest.mark.parametrize(("batch", "grid", "window"), [(1, 4, 2), (2, 5, 2), (3, 7, 3), (2, 3, 5)])
def test_windows_are_those_of_the_completed_grid(batch: int, grid: int, window: int) -> None:
    """Sorted rows are the windows of a grid that was completed with one value, and sorting them back gives the grid."""
    channels, beyond = 3, torch.tensor([7.0, 8.0, 9.0])
    x_bssc = torch.rand(batch, grid, grid, channels)
    across = -(-grid // window)
    completed = beyond.repeat(batch, across * window, across * window, 1)
    completed[:, :grid, :grid] = x_bssc
    expected = F.unfold(completed.permute(0, 3, 1, 2), window, stride=window)  # (B, channels * places, windows)
    expected = expected.view(batch, channels, window * window, -1).permute(0, 3, 2, 1).reshape(-1, channels)

    windows = windows_of(batch, grid, window, CPU)
    rows = torch.cat([x_bssc.view(-1, channels), beyond[None]])
    sorted_rows = rows.index_select(0, windows.patches_wn)

    assert torch.equal(sorted_rows, expected)
    assert torch.equal(sorted_rows.index_select(0, windows.places_bss), x_bssc.view(-1, channels))
