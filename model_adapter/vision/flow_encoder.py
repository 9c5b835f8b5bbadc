"""The flow encoder: as many learned queries as image tokens read the image in an order of their own.

A Qwen2 decoder (arXiv 2407.10671) over image tokens followed by queries (DeepSeek-OCR 2, arXiv 2601.20552): image
tokens attend to each other, queries to all image tokens and to the queries up to themselves. So the image half is
plain attention, and only the queries, half of the rows, need a mask.

Shape suffixes: B views, n image tokens and as many queries, T = 2 * n, C width, h heads, k key-value heads, g = h / k
heads that share one, d width of a head.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ocrmill.model_adapter.tiling import GLOBAL_TOKENS, TILE_TOKENS
from ocrmill.model_adapter.vision.config import FlowConfig
from ocrmill.model_adapter.vision.derived import Derived


class FlowEncoder(nn.Module):
    """Image tokens in, as many query outputs out."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        self.query_768 = nn.Parameter(torch.zeros(TILE_TOKENS, config.width))
        self.query_1024 = nn.Parameter(torch.zeros(GLOBAL_TOKENS, config.width))
        self.layers = nn.ModuleList(FlowLayer(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, config.norm_eps)
        self._constants = Derived(partial(FlowConstants.of, config=config))

    def forward(self, tokens_bnc: Tensor, constants: "FlowConstants | None" = None) -> Tensor:
        """Image tokens to query outputs, both (B, n, C), n being 144 or 256.

        Args:
            tokens_bnc: the tokens.
            constants: the result of `constants` for so many tokens; given, this compiles in one piece.
        """
        batch, num_tokens, _ = tokens_bnc.shape
        if constants is None:
            constants = self.constants(num_tokens)
        x_btc = torch.cat([tokens_bnc, self._queries(num_tokens).expand(batch, -1, -1)], dim=1)
        for layer in self.layers[:-1]:
            x_btc = layer(x_btc, constants, first_output=0)
        x_bnc = self.layers[-1](x_btc, constants, first_output=num_tokens)
        outputs: Tensor = self.norm(x_bnc)
        return outputs

    def constants(self, num_tokens: int) -> "FlowConstants":
        """Return the tensors that `forward` needs for so many image tokens beside them."""
        return self._constants((self._queries(num_tokens),), num_tokens)

    def _queries(self, num_tokens: int) -> Tensor:
        return {TILE_TOKENS: self.query_768, GLOBAL_TOKENS: self.query_1024}[num_tokens]

    def peak_elements(self, num_tokens: int) -> int:
        """Estimate how many numbers a view takes at the worst moment: in an MLP, before gate and up are multiplied."""
        return 2 * num_tokens * (2 * self.config.width + 3 * self.config.intermediate_size)

    def checkpoint_slots(self) -> dict[str, Tensor]:
        """Checkpoint name -> the (part of a) parameter that it fills."""
        slots: dict[str, Tensor] = {"query_768.weight": self.query_768, "query_1024.weight": self.query_1024}
        slots["model.model.norm.weight"] = self.norm.weight
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, FlowLayer)
            slots |= {f"model.model.layers.{index}.{name}": slot for name, slot in layer.checkpoint_slots().items()}
        return slots


@dataclass(frozen=True, slots=True)
class FlowConstants:
    """Tensors that the layers share at one number of image tokens."""

    cos_td: Tensor  # (T, 1, d / 2): one rotation per position, the same for all heads
    sin_td: Tensor
    bias_nt: Tensor  # (g * n, T): 0 where a query may look, else the lowest number; once per head that shares keys

    @classmethod
    def of(cls, like: tuple[Tensor, ...], num_tokens: int, *, config: FlowConfig) -> "FlowConstants":
        """Make them in the dtype and on the device of `like`."""
        dtype, device = like[0].dtype, like[0].device
        exponents = torch.arange(0, config.head_width, 2, dtype=torch.float32, device=device) / config.head_width
        positions = torch.arange(2 * num_tokens, dtype=torch.float32, device=device)
        angles = torch.outer(positions, config.rope_theta**-exponents).unsqueeze(1)
        is_later = torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=device).triu(1)
        bias = torch.zeros(num_tokens, 2 * num_tokens, dtype=dtype, device=device)
        bias[:, num_tokens:].masked_fill_(is_later, torch.finfo(dtype).min)
        shared = config.heads // config.kv_heads
        return cls(angles.cos().to(dtype), angles.sin().to(dtype), bias.repeat(shared, 1))


class FlowLayer(nn.Module):
    """Attention and a gated MLP, each behind an RMS norm."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.kv_heads, self.head_width = config.kv_heads, config.head_width
        width, kv_width = config.width, config.kv_heads * config.head_width
        self.input_norm = nn.RMSNorm(width, config.norm_eps)
        self.q_proj = nn.Linear(width, width)
        self.kv_proj = nn.Linear(width, 2 * kv_width)
        self.o_proj = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.RMSNorm(width, config.norm_eps)
        self.gate_up_proj = nn.Linear(width, 2 * config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, width, bias=False)

    def forward(self, x_btc: Tensor, constants: FlowConstants, *, first_output: int) -> Tensor:
        """(B, T, C) to (B, T - first_output, C): all tokens, or only the queries where `first_output` is n."""
        normed = self.input_norm(x_btc)
        x_bsc = x_btc[:, first_output:] + self._attend(normed, constants, first_output)
        gate, up = self.gate_up_proj(self.mlp_norm(x_bsc)).chunk(2, dim=-1)
        x_bsc += self.down_proj(F.silu(gate).mul_(up))
        return x_bsc

    def _attend(self, x_btc: Tensor, constants: FlowConstants, first_output: int) -> Tensor:
        batch, total, _ = x_btc.shape
        num_tokens = total // 2
        keys, values = self.kv_proj(x_btc).view(batch, total, 2, self.kv_heads, -1).unbind(2)
        k_bktd, v_bktd = _rotate(keys, constants, 0).transpose(1, 2), values.transpose(1, 2)
        q_bshd = self.q_proj(x_btc[:, first_output:]).view(batch, total - first_output, -1, self.head_width)
        q_bshd = _rotate(q_bshd, constants, first_output)
        out = self._attend_grouped(q_bshd[:, -num_tokens:], k_bktd, v_bktd, constants.bias_nt)
        if first_output == 0:
            k_bknd, v_bknd = k_bktd[:, :, :num_tokens], v_bktd[:, :, :num_tokens]
            out = torch.cat([self._attend_grouped(q_bshd[:, :num_tokens], k_bknd, v_bknd, None), out], dim=1)
        attended: Tensor = self.o_proj(out)
        return attended

    def _attend_grouped(self, q_bnhd: Tensor, k_bktd: Tensor, v_bktd: Tensor, bias_nt: Tensor | None) -> Tensor:
        """The heads that share keys are taken as further queries of one head: (B, n, h, d) to (B, n, C)."""
        batch, num_queries, heads, width = q_bnhd.shape
        grouped = q_bnhd.view(batch, num_queries, self.kv_heads, -1, width).permute(0, 2, 3, 1, 4)
        q_bkmd = grouped.reshape(batch, self.kv_heads, -1, width)
        out_bkmd = F.scaled_dot_product_attention(q_bkmd, k_bktd, v_bktd, attn_mask=bias_nt)
        out = out_bkmd.reshape(batch, heads, num_queries, width).transpose(1, 2)  # no view: kernels choose the layout
        return out.reshape(batch, num_queries, heads * width)

    def checkpoint_slots(self) -> dict[str, Tensor]:
        """Checkpoint name -> the (part of a) parameter that it fills."""
        attention: dict[str, Tensor] = {
            f"self_attn.q_proj.{name}": tensor for name, tensor in self.q_proj.named_parameters()
        }
        for name, tensor in self.kv_proj.named_parameters():
            attention[f"self_attn.k_proj.{name}"], attention[f"self_attn.v_proj.{name}"] = tensor.chunk(2)
        gate, up = self.gate_up_proj.weight.chunk(2)
        return attention | {
            "input_layernorm.weight": self.input_norm.weight,
            "self_attn.o_proj.weight": self.o_proj.weight,
            "post_attention_layernorm.weight": self.mlp_norm.weight,
            "mlp.gate_proj.weight": gate,
            "mlp.up_proj.weight": up,
            "mlp.down_proj.weight": self.down_proj.weight,
        }


def _rotate(x_bshd: Tensor, constants: FlowConstants, first: int) -> Tensor:
    """Rotary positions (arXiv 2104.09864) of the tokens from `first` on, the halves of a head being the two axes."""
    cos, sin = constants.cos_td[first:], constants.sin_td[first:]
    left, right = x_bshd.chunk(2, dim=-1)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)
