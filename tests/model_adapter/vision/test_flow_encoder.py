"""The masks of the flow encoder: each token sees those that it should."""

import pytest
import torch
from narrowed import instance
from seeded_encoders import SeededEncoder
from torch.nn import functional

from ocrmill.model_adapter.vision.config import EncoderConfig, FlowConfig
from ocrmill.model_adapter.vision.flow_encoder import FlowConstants, FlowEncoder, FlowLayer

TOKENS = 144


@pytest.fixture(scope="module")
def flow(small_config: EncoderConfig, seeded_encoder: SeededEncoder) -> FlowEncoder:
    return seeded_encoder(small_config).flow


@pytest.fixture(scope="module")
def tokens(small_config: EncoderConfig) -> torch.Tensor:
    return torch.randn(2, TOKENS, small_config.flow.width, generator=torch.Generator().manual_seed(0))


def after_first_layer(flow: FlowEncoder, x_btc: torch.Tensor) -> torch.Tensor:
    constants = FlowConstants.of((x_btc,), TOKENS, config=flow.config)
    with torch.inference_mode():
        out: torch.Tensor = flow.layers[0](x_btc, constants, first_output=0)
    return out


def test_image_tokens_see_later_image_tokens(flow: FlowEncoder, tokens: torch.Tensor) -> None:
    """The mask is not plain causal: what the last image token is, the first one knows."""
    x_btc = torch.cat([tokens, flow.query_768.expand(2, -1, -1)], dim=1)
    changed = x_btc.clone()
    changed[:, TOKENS - 1] += 1
    before, after = after_first_layer(flow, x_btc), after_first_layer(flow, changed)

    assert ((before - after).abs().amax(-1) > 1e-4).all()


def test_image_tokens_see_no_query(flow: FlowEncoder, tokens: torch.Tensor) -> None:
    """Queries leave the image tokens as they are."""
    x_btc = torch.cat([tokens, flow.query_768.expand(2, -1, -1)], dim=1)
    changed = x_btc.clone()
    changed[:, TOKENS:] += 1
    before, after = after_first_layer(flow, x_btc), after_first_layer(flow, changed)

    torch.testing.assert_close(before[:, :TOKENS], after[:, :TOKENS], rtol=0, atol=0)


@pytest.mark.parametrize("query", [0, 70, TOKENS - 1])
def test_queries_see_earlier_queries_only(flow: FlowEncoder, tokens: torch.Tensor, query: int) -> None:
    """A query changes itself and all later ones, and no earlier one."""
    x_btc = torch.cat([tokens, flow.query_768.expand(2, -1, -1)], dim=1)
    changed = x_btc.clone()
    changed[:, TOKENS + query] += 1
    difference = (after_first_layer(flow, x_btc) - after_first_layer(flow, changed)).abs().amax(-1)[:, TOKENS:]

    assert (difference[:, :query] == 0).all()
    assert (difference[:, query:] > 1e-6).all()


@torch.inference_mode()
def test_the_whole_mask_gives_the_same(flow: FlowEncoder, tokens: torch.Tensor) -> None:
    """All layers under one mask of all tokens by all tokens, heads one by one, give the same query outputs."""
    sees = torch.zeros(2 * TOKENS, 2 * TOKENS, dtype=torch.bool)
    sees[:, :TOKENS] = True
    sees[TOKENS:, TOKENS:] = torch.ones(TOKENS, TOKENS).tril().bool()
    x_btc = torch.cat([tokens, flow.query_768.expand(2, -1, -1)], dim=1)
    for layer in flow.layers:
        x_btc = plain_layer(instance(FlowLayer, layer), flow.config, x_btc, sees)
    expected = functional.rms_norm(x_btc, x_btc.shape[-1:], flow.norm.weight, flow.config.norm_eps)[:, TOKENS:]

    torch.testing.assert_close(flow(tokens), expected, rtol=1e-4, atol=1e-5)


def plain_layer(layer: FlowLayer, config: FlowConfig, x_btc: torch.Tensor, sees: torch.Tensor) -> torch.Tensor:
    """A Qwen2 layer written down term by term."""
    weights = layer.checkpoint_slots()
    normed = functional.rms_norm(x_btc, x_btc.shape[-1:], weights["input_layernorm.weight"], config.norm_eps)
    q, k, v = (
        functional.linear(normed, weights[f"self_attn.{part}_proj.weight"], weights[f"self_attn.{part}_proj.bias"])
        for part in "qkv"
    )
    heads = []
    for head in range(config.heads):
        of_head = slice(head * config.head_width, (head + 1) * config.head_width)
        shared = head // (config.heads // config.kv_heads)
        of_kv = slice(shared * config.head_width, (shared + 1) * config.head_width)
        scores = turned(q[..., of_head], config) @ turned(k[..., of_kv], config).mT / config.head_width**0.5
        heads.append(scores.masked_fill(~sees, -torch.inf).softmax(-1) @ v[..., of_kv])
    x_btc = x_btc + torch.cat(heads, -1) @ weights["self_attn.o_proj.weight"].T
    normed = functional.rms_norm(x_btc, x_btc.shape[-1:], weights["post_attention_layernorm.weight"], config.norm_eps)
    gate, up = (normed @ weights[f"mlp.{part}_proj.weight"].T for part in ("gate", "up"))
    return x_btc + (functional.silu(gate) * up) @ weights["mlp.down_proj.weight"].T


def turned(x_btd: torch.Tensor, config: FlowConfig) -> torch.Tensor:
    """Each pair (i, i + d / 2) as a complex number, turned by position * theta^(-2i / d)."""
    half = config.head_width // 2
    angles = torch.arange(x_btd.shape[1])[:, None] * config.rope_theta ** (-torch.arange(half) / half)
    numbers = torch.complex(x_btd[..., :half], x_btd[..., half:]) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([numbers.real, numbers.imag], -1)
