"""The least time that a page can take on a GPU, and what it is estimated to take: arithmetic, nothing is measured.

    python bench/roofline.py

A page has six tiles, a prompt of 1,131 tokens and an output of 1,000. Its work is counted from the published config:
the operations of encoder and prompt, and for each token of output a share of the weights, which the pages in flight
read together, and the page's own KV cache. The limit is that work at the GPU's peak, one after the other. The estimate
takes a quarter of the peak for the encoder, a third for the prompt, 0.8 of the bandwidth and 1 ms for each step: what
such kernels reach elsewhere, not what ours were seen to reach. Peaks are NVIDIA's data sheets', dense bfloat16.
"""

import sys
from dataclasses import dataclass
from typing import Any

from ocrmill.configs.gpu_presets import PRESETS, read_preset
from ocrmill.model_adapter.checkpoint.published_config import ModelSize, published_config

ENCODER_TFLOP = 5.734  # seven views: SAM 4.063, flow encoder 1.668, projector 0.003
PROMPT, OUTPUT = 1131, 1000  # tokens
ENCODER_SHARE, PROMPT_SHARE, BANDWIDTH_SHARE, STEP_S = 1 / 4, 1 / 3, 0.8, 1e-3


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU and its peaks."""

    name: str
    preset: str
    tflops: float  # dense bfloat16
    gbytes: float  # a second


GPUS = (
    Gpu("H200", "h200", 989, 4800),
    Gpu("H100 SXM", "h100", 989, 3350),
    Gpu("A100 80 GB", "a100-80g", 312, 2039),
    Gpu("A100 40 GB", "a100-40g", 312, 1555),
    Gpu("L40S", "l40s", 362, 864),
    Gpu("RTX 4090", "rtx4090", 165, 1008),
)


@dataclass(frozen=True, slots=True)
class Work:
    """The work of the decoder, from its config."""

    weight_bytes: int  # that a step reads: all experts, as 32 pages or more use them
    kv_bytes: int  # of a token
    prompt_flop: float


@dataclass(frozen=True, slots=True)
class PageTime:
    """Milliseconds of a page, by what they go into."""

    encoder: float
    prompt: float
    weights: float
    kv_cache: float
    steps: float = 0.0

    @property
    def pages_per_s(self) -> float:
        """Return the rate of one GPU."""
        return 1e3 / (self.encoder + self.prompt + self.weights + self.kv_cache + self.steps)


def main() -> None:
    """Print the table of docs/performance.md."""
    sys.stdout.write(table())


def decoder_work(config: dict[str, Any]) -> Work:
    """Count the bytes and operations of the language model."""
    hidden, layers, dense = config["hidden_size"], config["num_hidden_layers"], config["first_k_dense_replace"]
    attention = 4 * hidden * hidden
    expert = 3 * hidden * config["moe_intermediate_size"]
    router, head = hidden * config["n_routed_experts"], hidden * config["vocab_size"]
    mlp = 3 * hidden * config["intermediate_size"]
    sparse = layers - dense
    shared = layers * attention + dense * mlp + sparse * (router + config["n_shared_experts"] * expert)
    active = shared + sparse * config["num_experts_per_tok"] * expert
    width = 2 * layers * hidden  # as many heads of keys and values as of queries
    return Work(
        weight_bytes=2 * (shared + sparse * config["n_routed_experts"] * expert + head),
        kv_bytes=2 * width,
        prompt_flop=2.0 * active * PROMPT + 2.0 * head + 2.0 * width * PROMPT * PROMPT / 2,
    )


def limit(gpu: Gpu, work: Work, slots: int) -> PageTime:
    """Return the time of a page at the GPU's peaks."""
    return PageTime(
        encoder=ENCODER_TFLOP / gpu.tflops * 1e3,
        prompt=work.prompt_flop / gpu.tflops / 1e9,
        weights=OUTPUT * work.weight_bytes / slots / gpu.gbytes / 1e6,
        kv_cache=OUTPUT * (PROMPT + OUTPUT / 2) * work.kv_bytes / gpu.gbytes / 1e6,
    )


def estimate(gpu: Gpu, work: Work, slots: int) -> PageTime:
    """Return the time of a page at the shares of the peaks that are assumed."""
    least = limit(gpu, work, slots)
    return PageTime(
        encoder=least.encoder / ENCODER_SHARE,
        prompt=least.prompt / PROMPT_SHARE,
        weights=least.weights / BANDWIDTH_SHARE,
        kv_cache=least.kv_cache / BANDWIDTH_SHARE,
        steps=OUTPUT * STEP_S * 1e3 / slots,
    )


def table() -> str:
    """Return the table in Markdown."""
    work = decoder_work(published_config(ModelSize.FULL)["language_config"])
    lines = [
        "| GPU, pages in flight | encoder | prompt | weights | KV cache | limit | estimate |",
        "|---|---|---|---|---|---|---|",
    ]
    presets = {preset.name: preset for preset in PRESETS}
    for gpu in GPUS:
        slots = read_preset(presets[gpu.preset])["pages_in_flight"]
        least, likely = limit(gpu, work, slots), estimate(gpu, work, slots)
        parts = " | ".join(f"{ms:.1f} ms" for ms in (least.encoder, least.prompt, least.weights, least.kv_cache))
        lines.append(
            f"| {gpu.name}, {slots} | {parts} | {least.pages_per_s:.0f} pages/s | {likely.pages_per_s:.1f} pages/s |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
