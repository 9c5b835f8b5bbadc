"""The SAM ViT trunk: views of pixels to a grid of features, one per 64 x 64 pixels.

After Segment Anything (arXiv 2304.02643), ViTDet (2203.16527) and, for decomposed relative positions, MViTv2
(2112.01526). Results are the official ones; what differs is how they are reached:
- Padding that completes the windows is never computed: behind a linear layer it is the bias.
- Patches are sorted into windows by rows (see `windows`).
- Relative positions are never a table of all queries by all keys (see `relative_attention`, and `grid_attention` for
  CUDA).

All that the blocks need beside pixels and parameters is worked out before, so that `forward` compiles without a break.

Shape suffixes: B views, H pixels and S patches a side of a view, R patches of all views, C width, O channels behind the
neck, W windows, h heads, N positions of a window, d width of a head.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ocrmill.model_adapter.tiling import GLOBAL_SIZE, PATCH_SIZE
from ocrmill.model_adapter.vision.attention.grid_attention import DistanceTables, attend_on_grids
from ocrmill.model_adapter.vision.attention.relative_attention import (
    PositionTable,
    has_cheap_products,
    relative_attention,
)
from ocrmill.model_adapter.vision.attention.windows import Windows, windows_of
from ocrmill.model_adapter.vision.config import MLP_RATIO, SamConfig
from ocrmill.model_adapter.vision.derived import Derived

GRID_SIZE = GLOBAL_SIZE // PATCH_SIZE  # patches a side that the position tables are made for
CHANNELS = 3
NORM_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class SamConstants:
    """Tensors worked out from parameters, the same for all views of one size."""

    positions_ssc: Tensor
    tables: tuple[PositionTable | DistanceTables, ...]  # of the blocks; their type chooses the attention
    windows: Windows | None = None  # of a batch; the kernel needs none


class SamVit(nn.Module):
    """Patch embedding, blocks, neck and two convolutions of stride 2."""

    def __init__(self, config: SamConfig, output_channels: int) -> None:
        super().__init__()
        self.heads, self.head_width, self.window_size = config.heads, config.width // config.heads, config.window_size
        self.output_channels = output_channels
        self.patch_embed = nn.Linear(PATCH_SIZE * PATCH_SIZE * CHANNELS, config.width)
        self.pos_embed = nn.Parameter(torch.zeros(1, GRID_SIZE, GRID_SIZE, config.width))
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, None if index in config.global_attn_indexes else config.window_size)
            for index in range(config.layers)
        )
        neck = config.neck_channels
        self.neck_in = nn.Linear(config.width, neck, bias=False)
        self.neck_in_norm = nn.LayerNorm(neck, NORM_EPS)
        self.neck_conv = nn.Conv2d(neck, neck, 3, padding=1, bias=False)
        self.neck_norm = nn.LayerNorm(neck, NORM_EPS)
        self.net_2 = nn.Conv2d(neck, config.downsample_channels, 3, stride=2, padding=1, bias=False)
        self.net_3 = nn.Conv2d(config.downsample_channels, output_channels, 3, stride=2, padding=1, bias=False)
        self.use_kernel(False)

    def use_kernel(self, yes: bool) -> None:
        """Attend by the kernel for CUDA from now on, or by torch's operations."""
        self.has_kernel = yes
        self._constants = Derived(self._derive)

    def forward(self, views_bhwc: Tensor, constants: SamConstants | None = None) -> Tensor:
        """Square views of uint8 (B, H, H, 3) to features (B, H / 64, H / 64, O).

        Args:
            views_bhwc: the views.
            constants: what `constants` gives for them; given, this compiles in one piece.
        """
        if constants is None:
            constants = self.constants(views_bhwc)
        x_bssc = self.embed_patches(views_bhwc, constants.positions_ssc)
        for block, table in zip(self.blocks, constants.tables, strict=True):
            x_bssc = block(x_bssc, table, constants.windows)
        return self.narrow(x_bssc)

    def constants(self, views_bhwc: Tensor) -> SamConstants:
        """Return what `forward` needs for such views beside themselves."""
        grid = views_bhwc.shape[1] // PATCH_SIZE
        tables = (table for attention in self._attentions() for table in (attention.rel_pos_h, attention.rel_pos_w))
        made = self._constants((self.pos_embed, *tables), grid)
        if self.has_kernel or self.window_size == grid:
            return made
        return replace(made, windows=windows_of(len(views_bhwc), grid, self.window_size, self.pos_embed.device))

    def _derive(self, parameters: tuple[Tensor, ...], grid: int) -> SamConstants:
        pairs = zip(parameters[1::2], parameters[2::2], strict=True)
        of = DistanceTables.of if self.has_kernel else PositionTable.of
        sizes = [attention.window_size or grid for attention in self._attentions()]
        tables = tuple(of(pair, size) for pair, size in zip(pairs, sizes, strict=True))
        return SamConstants(_resize_positions(parameters[0], grid), tables)

    def windows(self) -> set[int | None]:
        """Return the sizes of windows; None stands for all patches of a view."""
        return {attention.window_size for attention in self._attentions()}

    def _attentions(self) -> Iterator["Attention"]:
        return (block.attn for block in self.blocks if isinstance(block, Block))

    def embed_patches(self, views_bhwc: Tensor, positions_ssc: Tensor) -> Tensor:
        """Views to the blocks' first input, (B, S, S, C)."""
        batch, grid = views_bhwc.shape[0], views_bhwc.shape[1] // PATCH_SIZE
        patches = views_bhwc.reshape(batch, grid, PATCH_SIZE, grid, PATCH_SIZE * CHANNELS).transpose(2, 3)
        values = patches.reshape(batch, grid, grid, -1).float().div_(255).sub_(0.5).div_(0.5)
        x_bssc: Tensor = self.patch_embed(values.to(self.pos_embed.dtype))
        x_bssc += positions_ssc
        return x_bssc

    def narrow(self, x_bssc: Tensor) -> Tensor:
        """Neck and strided convolutions: (B, S, S, C) to (B, S / 4, S / 4, O)."""
        x_bssc = self.neck_in_norm(self.neck_in(x_bssc))
        x_bssc = self.neck_norm(self.neck_conv(x_bssc.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        features: Tensor = self.net_3(self.net_2(x_bssc.permute(0, 3, 1, 2)))
        return features.permute(0, 2, 3, 1)

    def peak_elements(self, size_px: int) -> int:
        """Estimate how many numbers a view takes at the worst moment.

        Beside a block's input and its norm, that is the hidden layer of an MLP before and after GELU, or queries, keys
        and values before and after they are sorted into windows, or, in widened attention, queries, keys and values,
        the same widened, and a wide output.
        """
        grid, width = size_px // PATCH_SIZE, self.patch_embed.out_features
        completed = -(-grid // self.window_size) * self.window_size
        worst = [grid**2 * 2 * MLP_RATIO * width, completed**2 * 6 * width]
        if has_cheap_products(self.pos_embed):
            worst += [
                side**2 * (7 * width + 8 * window * self.heads)
                for side, window in ((grid, grid), (completed, self.window_size))
            ]
        return grid**2 * 2 * width + max(worst)

    def checkpoint_slots(self) -> dict[str, Tensor]:
        """Checkpoint name -> the (part of a) parameter, in the checkpoint's shape."""
        width = self.patch_embed.out_features
        patches = self.patch_embed.weight.view(width, PATCH_SIZE, PATCH_SIZE, CHANNELS).permute(0, 3, 1, 2)
        slots = {
            "pos_embed": self.pos_embed,
            "patch_embed.proj.weight": patches,
            "patch_embed.proj.bias": self.patch_embed.bias,
            "neck.0.weight": self.neck_in.weight[:, :, None, None],
            "neck.1.weight": self.neck_in_norm.weight,
            "neck.1.bias": self.neck_in_norm.bias,
            "neck.2.weight": self.neck_conv.weight,
            "neck.3.weight": self.neck_norm.weight,
            "neck.3.bias": self.neck_norm.bias,
            "net_2.weight": self.net_2.weight,
            "net_3.weight": self.net_3.weight,
        }
        return slots | {f"blocks.{name}": parameter for name, parameter in self.blocks.named_parameters()}


class Block(nn.Module):
    """Attention within windows, or among all patches if `window_size` is None, then an MLP."""

    def __init__(self, width: int, heads: int, window_size: int | None) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, NORM_EPS)
        self.attn = Attention(width, heads, window_size)
        self.norm2 = nn.LayerNorm(width, NORM_EPS)
        self.mlp = Mlp(width)

    def forward(self, x_bssc: Tensor, table: PositionTable | DistanceTables, windows: Windows | None) -> Tensor:
        """Keep the shape (B, S, S, C); uncompiled, the input is overwritten."""
        x_bssc = _add(x_bssc, self.attn(self.norm1(x_bssc), table, windows))
        return _add(x_bssc, self.mlp(self.norm2(x_bssc)))


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, MLP_RATIO * width)
        self.lin2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, x_bssc: Tensor) -> Tensor:
        """Keep the shape."""
        hidden: Tensor = self.lin2(F.gelu(self.lin1(x_bssc)))
        return hidden


class Attention(nn.Module):
    """Multi-head attention with relative positions along rows and columns."""

    def __init__(self, width: int, heads: int, window_size: int | None) -> None:
        super().__init__()
        self.heads, self.head_width, self.window_size = heads, width // heads, window_size
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        sides = 2 * (window_size or GRID_SIZE) - 1
        self.rel_pos_h = nn.Parameter(torch.zeros(sides, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(sides, width // heads))

    def forward(self, x_bssc: Tensor, table: PositionTable | DistanceTables, windows: Windows | None) -> Tensor:
        """Keep the shape (B, S, S, C)."""
        if isinstance(table, DistanceTables):
            shape = (3, self.heads, self.head_width)
            qkv_r3hd = self.qkv(x_bssc).flatten(0, 2).unflatten(1, shape)
            out_rc = attend_on_grids(qkv_r3hd, self.qkv.bias.view(shape), table, x_bssc.shape[1])
        else:  # qkv has no name here: it is freed once it is sorted
            out_rc = self._attend_in_torch(self.qkv(x_bssc).flatten(0, 2), table, windows if self.window_size else None)
        projected: Tensor = self.proj(out_rc)
        return projected.view_as(x_bssc)

    def _attend_in_torch(self, qkv_rc: Tensor, table: PositionTable, windows: Windows | None) -> Tensor:
        """Sort patches into windows and back, around attention by torch's operations."""
        if windows:
            qkv_rc = torch.cat([qkv_rc, self.qkv.bias[None]]).index_select(0, windows.patches_wn)
        split = qkv_rc.view(-1, table.size**2, 3, self.heads, self.head_width)
        q_whnd, k_whnd, v_whnd = split.permute(2, 0, 3, 1, 4)
        out_whnd = relative_attention(q_whnd, k_whnd, v_whnd, table)
        out_rc = out_whnd.transpose(1, 2).flatten(0, 1).flatten(1)
        return out_rc.index_select(0, windows.places_bss) if windows else out_rc


def _add(x: Tensor, y: Tensor) -> Tensor:
    """Add in place, but leave x to the compiler, whose fused kernels read it again."""
    return x + y if torch.compiler.is_compiling() else x.add_(y)


def _resize_positions(table: Tensor, grid: int) -> Tensor:
    """Position embeddings (1, 64, 64, C) for another grid, resized as officially: bicubic, antialiased, in float32."""
    if table.shape[1] == grid:
        return table
    resized = F.interpolate(table.float().permute(0, 3, 1, 2), size=(grid, grid), mode="bicubic", antialias=True)
    return resized.permute(0, 2, 3, 1).to(table.dtype).contiguous()
