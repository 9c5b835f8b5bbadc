"""CLIP-L as the first DeepSeek-OCR has it: SAM's features take the place of CLIP's own patches.

The vision transformer of CLIP (arXiv 2103.00020) behind its patch embedding, up to its last layer, without the norm
after it (DeepSeek-OCR, arXiv 2510.18234). Its table of positions is for 16 x 16 patches and is resized for others.

Shape suffixes: B views, S features a side of a view, n = S * S features of a view, T = n + 1 tokens with the class
token, C width, h heads, d width of a head.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ocrmill.model_adapter.vision.config import CLIP_GRID, MLP_RATIO, ClipConfig
from ocrmill.model_adapter.vision.derived import Derived

CLIP_NORM_EPS = 1e-5
QUICK_GELU = 1.702  # the factor by which a sigmoid resembles GELU


class ClipVit(nn.Module):
    """Features in, as many out."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.config = config
        self.class_embedding = nn.Parameter(torch.zeros(config.width))
        self.position_embedding = nn.Parameter(torch.zeros(CLIP_GRID**2 + 1, config.width))
        self.first_norm = nn.LayerNorm(config.width, CLIP_NORM_EPS)
        self.layers = nn.ModuleList(ClipLayer(config) for _ in range(config.layers))
        self._positions = Derived(_resize_positions)

    def forward(self, features_bnc: Tensor, positions_tc: Tensor | None = None) -> Tensor:
        """Keep the shape (B, n, C); n is a square.

        Args:
            features_bnc: of SAM.
            positions_tc: what `positions` gives for so many features; given, this compiles in one piece.
        """
        batch, num_features, width = features_bnc.shape
        if positions_tc is None:
            positions_tc = self.positions(num_features)
        x_btc = features_bnc.new_empty(batch, num_features + 1, width)
        x_btc[:, 0] = self.class_embedding
        x_btc[:, 1:] = features_bnc
        x_btc = self.first_norm(x_btc.add_(positions_tc))
        for layer in self.layers:
            x_btc = layer(x_btc)
        without_class: Tensor = x_btc[:, 1:]
        return without_class

    def positions(self, num_features: int) -> Tensor:
        """Return the positions of so many features and of the class token, (T, C)."""
        return self._positions((self.position_embedding,), num_features)

    def peak_elements(self, num_features: int) -> int:
        """Estimate how many numbers a view takes at the worst moment: in an MLP, with its gate beside it."""
        return (num_features + 1) * (2 + 2 * MLP_RATIO) * self.config.width

    def checkpoint_slots(self) -> dict[str, Tensor]:
        """Checkpoint name -> the parameter that it fills."""
        slots: dict[str, Tensor] = {
            "embeddings.class_embedding": self.class_embedding,
            "embeddings.position_embedding.weight": self.position_embedding,
            "pre_layrnorm.weight": self.first_norm.weight,
            "pre_layrnorm.bias": self.first_norm.bias,
        }
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, ClipLayer)
            slots |= {f"transformer.layers.{index}.{name}": slot for name, slot in layer.checkpoint_slots().items()}
        return slots


class ClipLayer(nn.Module):
    """Attention of all tokens to all and an MLP, each behind a norm."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.norm1 = nn.LayerNorm(width, CLIP_NORM_EPS)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, CLIP_NORM_EPS)
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, x_btc: Tensor) -> Tensor:
        """Keep the shape (B, T, C)."""
        x_btc = x_btc + self._attend(self.norm1(x_btc))
        hidden = self.fc1(self.norm2(x_btc))
        x_btc += self.fc2(torch.sigmoid(hidden * QUICK_GELU).mul_(hidden))
        return x_btc

    def _attend(self, x_btc: Tensor) -> Tensor:
        batch, tokens, width = x_btc.shape
        split = self.qkv(x_btc).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q_bhtd, k_bhtd, v_bhtd = split.unbind(0)
        out_bhtd = F.scaled_dot_product_attention(q_bhtd, k_bhtd, v_bhtd)
        attended: Tensor = self.out(out_bhtd.transpose(1, 2).reshape(batch, tokens, width))
        return attended

    def checkpoint_slots(self) -> dict[str, Tensor]:
        """Checkpoint name -> the parameter that it fills."""
        modules = {
            "layer_norm1": self.norm1,
            "self_attn.qkv_proj": self.qkv,
            "self_attn.out_proj": self.out,
            "layer_norm2": self.norm2,
            "mlp.fc1": self.fc1,
            "mlp.fc2": self.fc2,
        }
        named = ((module, *pair) for module, layer in modules.items() for pair in layer.named_parameters())
        return {f"{module}.{name}": parameter for module, name, parameter in named}


def _resize_positions(parameters: tuple[Tensor, ...], num_features: int) -> Tensor:
    """Positions for so many features, (n + 1, C), resized as officially: bicubic, antialiased, in float32."""
    table = parameters[0]
    side = round(num_features**0.5)
    if side == CLIP_GRID:
        return table
    old = table[1:].view(1, CLIP_GRID, CLIP_GRID, -1).float().permute(0, 3, 1, 2)
    new = F.interpolate(old, size=(side, side), mode="bicubic", antialias=True).permute(0, 2, 3, 1)
    return torch.cat([table[:1], new.flatten(0, 2).to(table.dtype)])
