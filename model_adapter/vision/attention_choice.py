"""The choice between our attention kernel and torch's operations, checked on the GPU where it is made."""

import logging
from typing import Literal

import torch

from ocrmill.model_adapter.tiling import OCR2, PATCH_SIZE
from ocrmill.model_adapter.vision.attention.grid_attention import DistanceTables, attend_on_grids, has_kernel_for
from ocrmill.model_adapter.vision.attention.relative_attention import PositionTable, relative_attention
from ocrmill.model_adapter.vision.attention.windows import windows_of
from ocrmill.model_adapter.vision.sam_vit import SamVit

AttentionChoice = Literal["auto", "triton", "torch"]

# Relative distance of both in half precision, each rounding in its own order; a wrong term or key gives more than 0.1.
BOUND = 0.03

_logger = logging.getLogger(__name__)


def choose_attention(sam: SamVit, choice: AttentionChoice, sides: tuple[int, ...] = OCR2.sides) -> None:
    """Let a trunk use the kernel if it is made for the trunk's device, dtype and heads, and is right there.

    Args:
        sam: the trunk, its parameters on their device and in their dtype; their values do not matter.
        choice: `torch` never takes the kernel. `triton` takes it or raises. `auto` takes it if it is made for the
            trunk, and goes back to torch's operations, with a warning, if it fails or is wrong.
        sides: the sizes of views, in pixels.

    Raises:
        RuntimeError: `triton` was chosen, and the kernel does not run or is wrong here.
    """
    sam.use_kernel(False)
    if choice == "torch":
        return
    defect = kernel_defect(sam, sides)
    if defect is None:
        sam.use_kernel(True)
    elif choice == "triton":
        raise RuntimeError(f"the attention kernel cannot be used: {defect}; choose encoder_attention `torch`")
    elif has_kernel_for(sam.pos_embed, sam.head_width):
        _logger.warning("the encoder attends by torch's operations, which is slower: %s", defect)


def kernel_defect(sam: SamVit, sides: tuple[int, ...] = OCR2.sides) -> str | None:
    """Return why the kernel is not for this trunk; None if it gives what torch's operations give, at all sizes."""
    if not has_kernel_for(sam.pos_embed, sam.head_width):
        dtype = str(sam.pos_embed.dtype).removeprefix("torch.")
        return (
            f"it is for CUDA, 16 bits and heads 64 wide, not for {sam.pos_embed.device.type}, {dtype}, {sam.head_width}"
        )
    sizes = {(side // PATCH_SIZE, window or side // PATCH_SIZE) for side in sides for window in sam.windows()}
    try:
        distances = {size: _distance(sam, *size) for size in sorted(sizes)}
    except Exception as error:  # noqa: BLE001 - Triton, its compilers and the driver raise of every kind
        return f"the kernel does not run ({error or type(error).__name__})"
    wrong = {size: distance for size, distance in distances.items() if not distance < BOUND}  # NaN is wrong, too
    if wrong:
        return "the kernel is wrong, by " + ", ".join(f"{off:.2g} at {size}" for size, off in wrong.items())
    return None


@torch.no_grad()
def _distance(sam: SamVit, grid: int, window: int) -> float:
    """Return the relative distance between both ways on a view of noise."""
    like, heads, width = sam.pos_embed, sam.heads, sam.head_width
    draw = torch.Generator(like.device).manual_seed(grid + window)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=draw, device=like.device).to(like.dtype)

    packed, padding = noise(grid * grid, 3, heads, width), noise(3, heads, width)
    pair = noise(2 * window - 1, width) / 4, noise(2 * window - 1, width) / 4
    windows = windows_of(1, grid, window, like.device)
    sorted_qkv = torch.cat([packed, padding[None]]).index_select(0, windows.patches_wn)
    q, k, v = sorted_qkv.view(-1, window**2, 3, heads, width).permute(2, 0, 3, 1, 4)
    expected = relative_attention(q, k, v, PositionTable.of(pair, window)).transpose(1, 2).flatten(0, 1).flatten(1)
    expected = expected.index_select(0, windows.places_bss).float()
    ours = attend_on_grids(packed, padding, DistanceTables.of(pair, window), grid).float()
    return float((ours - expected).norm() / expected.norm())
