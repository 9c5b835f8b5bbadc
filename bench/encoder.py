"""Seconds and memory to encode pages: our encoder against the one in vLLM, same weights, same pages.

    python bench/encoder.py [--pages 8] [--tiles 6] [--repeats 5] [--device cuda] [--dtype bfloat16] [--threads N]
    python bench/encoder.py --beside-products [--pages 8]
    python bench/encoder.py --peak-memory [--pages 32]

Both have the published sizes and seeded weights, and take turns at going first. vLLM's goes page by page, as its model
does; its pixels are normalised before the clock starts, while ours come as bytes. The ratio is that of each turn.
Wall time is what counts; CPU time is printed because it still compares where other processes take the cores away.
TFLOP/s are those of the official arithmetic (5.7 TFLOP for a page with six tiles), work that ours leaves out included,
beside what products of the MLP's size reach here. `--beside-products` leaves out every product of matrices, convolution
and attention, so that it tells on any CPU what is left where matrix units make those cheap; their results are whatever
memory holds. `--peak-memory` encodes once per encoder, each in its own process: on
a CPU the resident set beyond that with weights and pages loaded, on a GPU the memory allocated beyond it.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from ocrmill.model_adapter.checkpoint.seeded import seeded_tensor
from ocrmill.model_adapter.tiling import GLOBAL_SIZE, TILE_SIZE
from ocrmill.model_adapter.vision.config import EncoderConfig, SamConfig
from ocrmill.model_adapter.vision.encoder import DeepEncoderV2

GLOBAL_TFLOP = 0.9766 + 0.3890 + 0.0006  # SAM, flow encoder and projector of a view, at two per multiplication
TILE_TFLOP = 0.5144 + 0.2132 + 0.0003
PEAK_PRODUCT = (4096, 768, 3072)  # SAM's MLP on a global view
PRODUCTS = {"linear", "addmm", "mm", "bmm", "matmul", "einsum", "conv2d", "convolution", "scaled_dot_product_attention"}


@dataclass(frozen=True, slots=True)
class Pages:
    """Noise, as bytes for ours and normalised for vLLM's."""

    global_views_nhwc: Tensor
    tiles_nhwc: Tensor
    tiles_per_page: list[int]
    global_pixels_nchw: Tensor
    tile_pixels_nchw: Tensor

    def first_views(self) -> "Pages":
        """One page of one global view and at most one tile."""
        tiles = min(1, self.tiles_per_page[0])
        views = self.global_views_nhwc[:1], self.tiles_nhwc[:tiles]
        return Pages(*views, [tiles], self.global_pixels_nchw[:1], self.tile_pixels_nchw[:tiles])


def in_tree_sam(sam: SamConfig, width: int) -> nn.Module:
    """Make vLLM's SAM with random weights; its features have `width` channels."""
    from vllm.model_executor.models.deepencoder import ImageEncoderViT

    module: nn.Module = ImageEncoderViT(
        embed_dim=sam.width,
        depth=sam.layers,
        num_heads=sam.heads,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=sam.window_size,
        global_attn_indexes=sam.global_attn_indexes,
        last_conv_output=width,
    )
    return module


class InTreeEncoder(nn.Module):
    """vLLM's modules under the checkpoint's names, called as its model calls them."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        from vllm.model_executor.models.deepencoder2 import build_qwen2_decoder_as_encoder

        self.sam_model = in_tree_sam(config.sam, config.flow.width)
        self.qwen2_model = build_qwen2_decoder_as_encoder(
            decoder_layer=config.flow.layers,
            hidden_dimension=config.flow.width,
            num_attention_heads=config.flow.heads,
            num_key_value_heads=config.flow.kv_heads,
            intermediate_size=config.flow.intermediate_size,
        )
        self.projector = nn.ModuleDict({"layers": nn.Linear(config.flow.width, config.embedding_width)})
        self.view_seperator = nn.Parameter(torch.zeros(config.embedding_width))

    def forward(self, pages: Pages) -> list[Tensor]:
        """Encode page by page: its global view, then its tiles."""
        return [
            self.encode_page(pages.global_pixels_nchw[page : page + 1], tiles)
            for page, tiles in enumerate(torch.split(pages.tile_pixels_nchw, pages.tiles_per_page))
        ]

    def encode_page(self, global_pixels: Tensor, tile_pixels: Tensor) -> Tensor:
        """Encode one page: tiles, global view, separator."""
        tokens = [self._encode(global_pixels), self.view_seperator[None]]
        if torch.sum(tile_pixels).item() != 0:
            tokens.insert(0, self._encode(tile_pixels))
        return torch.cat(tokens)

    def _encode(self, pixels: Tensor) -> Tensor:
        embeddings: Tensor = self.projector["layers"](self.qwen2_model(self.sam_model(pixels)))
        return embeddings.flatten(0, 1)


class WithoutProducts(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Products have the shape that they would have, and take no time."""

    def __torch_dispatch__(
        self, op: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Called by torch for every operation."""
        if op.overloadpacket.__name__ not in PRODUCTS:
            return op(*args, **(kwargs or {}))
        shapes = op(*tree_map_only(Tensor, lambda tensor: tensor.to("meta"), args), **(kwargs or {}))
        return tree_map_only(Tensor, lambda tensor: torch.empty_like(tensor, device="cpu"), shapes)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=8)
    parser.add_argument("--tiles", type=int, default=6, help="per page")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float16", "float32"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--beside-products", action="store_true")
    parser.add_argument("--peak-memory", action="store_true")
    parser.add_argument("--only", choices=["ours", "in-tree"], help="measure the peak memory of this one, here")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.beside_products and options.device != "cpu":
        parser.error("--beside-products is for a CPU: on a GPU everything overlaps")
    if options.only:
        print(f"{options.only}: {peak_mib(options):,.0f} MiB")
    elif options.peak_memory:
        for encoder in ("in-tree", "ours"):
            subprocess.run([sys.executable, *sys.argv, "--only", encoder], check=True)
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Time both in turns."""
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    pages = make_pages(options.pages, options.tiles, device, dtype)
    ours, in_tree = make_ours(device, dtype), make_in_tree(device, dtype)
    encoders: dict[str, Callable[[Pages], list[Tensor]]] = {
        "ours": lambda pages: ours(pages.global_views_nhwc, pages.tiles_nhwc, pages.tiles_per_page),
        "in-tree": in_tree,
    }
    in_tree.load_state_dict({name: slot.clone() for name, slot in ours.checkpoint_slots().items()})
    tflop = options.pages * (GLOBAL_TFLOP + options.tiles * TILE_TFLOP)
    print(f"{name_of(device)}, {options.threads} threads, torch {torch.__version__}, {options.dtype}, published sizes;")
    print(f"{options.pages} pages of 1 global view and {options.tiles} tiles, {tflop:.1f} TFLOP")
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in encoders}
    mode = WithoutProducts() if options.beside_products else nullcontext()  # type: ignore[no-untyped-call]
    with torch.inference_mode(), mode:
        first = [encode(pages.first_views()) for encode in encoders.values()]  # kernels are chosen and compiled here
        if not options.beside_products:
            print(f"distance of the outputs, relative: {distance(*first):.1e}", flush=True)
        for turn in range(options.repeats):
            for name in sorted(encoders, reverse=bool(turn % 2)):
                times[name].append(timed(partial(encoders[name], pages), device))
        peak = 0.0 if options.beside_products else matmul_tflops(device, dtype)
    for name, both in times.items():
        walls = [wall for wall, _ in both]
        print(f"{name:8} {spread(walls)} s, CPU {spread([cpu for _, cpu in both])} s", end="")
        reached = f", {tflop / statistics.median(walls):.3f} TFLOP/s of {peak:.3f} in plain products"
        print("" if options.beside_products else reached)
    for clock, unit in enumerate(("wall", "CPU")):
        pairs = zip(times["in-tree"], times["ours"], strict=True)
        print(f"in-tree / ours, {unit}: {spread([theirs[clock] / mine[clock] for theirs, mine in pairs])}")


def make_pages(num_pages: int, num_tiles: int, device: torch.device, dtype: torch.dtype) -> Pages:
    """Draw views of noise."""
    draw = torch.Generator().manual_seed(0)
    views = [
        torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, generator=draw).to(device)
        for count, size in ((num_pages, GLOBAL_SIZE), (num_pages * num_tiles, TILE_SIZE))
    ]
    pixels = [((view.float() / 255 - 0.5) / 0.5).to(dtype).permute(0, 3, 1, 2).contiguous() for view in views]
    return Pages(views[0], views[1], [num_tiles] * num_pages, pixels[0], pixels[1])


def make_ours(device: torch.device, dtype: torch.dtype) -> DeepEncoderV2:
    """Our encoder with seeded weights."""
    with torch.device("meta"):
        encoder = DeepEncoderV2(EncoderConfig())
    encoder = encoder.to(dtype).to_empty(device=device)
    slots = encoder.checkpoint_slots().items()
    encoder.load_weights((name, seeded(name, slot)) for name, slot in slots)
    return encoder


def make_in_tree(device: torch.device, dtype: torch.dtype, config: EncoderConfig | None = None) -> InTreeEncoder:
    """Make vLLM's encoder, its weights still to be loaded."""
    from vllm.config import VllmConfig, set_current_vllm_config

    with set_current_vllm_config(VllmConfig()):
        return InTreeEncoder(config or EncoderConfig()).to(device, dtype)


def peak_mib(options: argparse.Namespace) -> float:
    """MiB beyond weights and pages while one encoder works."""
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    pages = make_pages(options.pages, options.tiles, device, dtype)
    if options.only == "ours":
        views = pages.global_views_nhwc, pages.tiles_nhwc, pages.tiles_per_page
        encode = partial(make_ours(device, dtype), *views)
    else:
        in_tree = make_in_tree(device, dtype)
        in_tree.load_state_dict({name: seeded(name, tensor) for name, tensor in in_tree.state_dict().items()})
        encode = partial(in_tree, pages)
    with torch.inference_mode():
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            encode()
            return (torch.cuda.max_memory_allocated() - before) / 2**20
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        before = status_bytes("VmRSS")
        encode()
        return (status_bytes("VmHWM") - before) / 2**20


def status_bytes(name: str) -> int:
    """Read a size from Linux's account of this process."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def seeded(name: str, like: Tensor) -> Tensor:
    """Draw the weight that belongs to a checkpoint tensor."""
    return torch.from_numpy(seeded_tensor(name, tuple(like.shape)))


def timed(work: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Seconds of wall time and of CPU time; on a GPU between two of its events."""
    if device.type == "cuda":
        start, end = (torch.Event(device, enable_timing=True) for _ in range(2))
    wall, cpu = time.perf_counter(), time.process_time()
    if device.type == "cuda":
        start.record()
    work()
    if device.type == "cuda":
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / 1000, time.process_time() - cpu
    return time.perf_counter() - wall, time.process_time() - cpu


def matmul_tflops(device: torch.device, dtype: torch.dtype) -> float:
    """The best of twenty products."""
    rows, inner, columns = PEAK_PRODUCT
    a, b = torch.randn(rows, inner, device=device, dtype=dtype), torch.randn(columns, inner, device=device, dtype=dtype)
    best = min(timed(lambda: nn.functional.linear(a, b), device)[0] for _ in range(20))
    return 2 * rows * inner * columns / best / 1e12


def distance(ours: list[Tensor], theirs: list[Tensor]) -> float:
    """Norm of the difference over the norm."""
    expected = torch.cat(theirs).float()
    return float((torch.cat(ours).float() - expected).norm() / expected.norm())


def spread(values: list[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def name_of(device: torch.device) -> str:
    """The name of a device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU with {torch.backends.cpu.get_cpu_capability()}"


if __name__ == "__main__":
    main()
