"""Registers, spills and shared memory of torch's FlexAttention with relative positions, for GPUs that need not be here.

    python bench/flex_attention.py [--architecture 80] [--grid 64] [--tiles 64] [--json]

The alternative to our attention kernel (docs/decisions): Inductor writes its kernel for a GPU that is described to it,
with the row and the column terms as tables of all queries by the places of a row, and Triton compiles it as
bench/kernel_resources.py compiles ours. `loads` are those of the terms for one score, counted in the generated code.

Not covered: speed, and FlexAttention's other back ends.
"""

import argparse
import dataclasses
import json
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import triton
from torch._guards import tracing
from torch._inductor import config as inductor_config
from torch._inductor import ir
from torch._inductor.compile_fx import compile_fx
from torch._inductor.runtime.hints import DeviceProperties
from torch._inductor.select_algorithm import TritonTemplate
from torch._subclasses import FakeTensorMode
from torch.nn.attention.flex_attention import flex_attention
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from bench.kernel_resources import ARCHITECTURES, described, read_resources
from ocrmill.model_adapter.vision.attention.grid_attention import HEAD_WIDTH
from ocrmill.model_adapter.vision.config import SamConfig

SHAPES = ((64, 64), (48, 48), (48, 14))  # grid and window: a global view's, and both of a tile
GRIDS = sorted({grid for grid, _ in SHAPES})
GPU = torch.device("cuda", 0)
TERM = re.compile(r"tl\.load\(in_ptr\d+ \+")


def main() -> None:
    """Print a line for each kernel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", type=int, action="append", choices=ARCHITECTURES)
    parser.add_argument("--grid", type=int, choices=GRIDS, help="patches a side of a view; without it, both")
    parser.add_argument("--tiles", type=int, help="queries and keys that a program takes at a time")
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    options = parser.parse_args()
    for architecture in options.architecture or ARCHITECTURES:
        for grid, window in [shape for shape in SHAPES if options.grid in (None, shape[0])]:
            kernel = write_kernel(window, architecture, options.tiles)
            found = read_resources(compile_kernel(kernel, architecture), architecture, grid, window)
            loads = len(TERM.findall(Path(kernel.fn.fn.__code__.co_filename).read_text(encoding="utf-8")))
            if options.json:
                print(json.dumps(dataclasses.asdict(found) | {"loads": loads}), flush=True)
            else:
                print(f"{described(found)}, {loads} loads of terms for a score", flush=True)


class _WrittenError(Exception):
    """Ends a compilation once the kernel is written: what comes after it wants a GPU."""


def write_kernel(window: int, architecture: int, tiles: int | None = None) -> Any:
    """Have Inductor write the kernel for windows of this size; it is never launched."""
    kernels: list[Any] = []

    def write(graph: torch.fx.GraphModule, inputs: Sequence[torch.Tensor]) -> Any:
        with ExitStack() as stack:
            _describe_gpu(stack, architecture)
            stack.enter_context(patch.object(TritonTemplate, "generate_and_load", _kept(kernels)))
            given = [torch.empty_strided(value.shape, value.stride(), dtype=value.dtype) for value in inputs]
            compile_fx(graph, given)

    def attend(q: Any, k: Any, v: Any, rows: Any, columns: Any) -> Any:
        def add_terms(score: Any, view: Any, head: Any, query: Any, key: Any) -> Any:
            return score + rows[view, head, query, key // window] + columns[view, head, query, key % window]

        return flex_attention(q, k, v, score_mod=add_terms, kernel_options=chosen)

    chosen: Any = None if tiles is None else {"BLOCK_M": tiles, "BLOCK_N": tiles}
    shape = (1, SamConfig().heads, window**2)
    qkv = [torch.empty(*shape, HEAD_WIDTH, dtype=torch.bfloat16) for _ in range(3)]
    terms = [torch.empty(*shape, window, dtype=torch.bfloat16) for _ in range(2)]
    torch._dynamo.reset()  # noqa: SLF001 - documented; there is no public name
    with torch.inference_mode():
        try:
            torch.compile(attend, backend=write, fullgraph=True)(*qkv, *terms)
        except Exception:
            if not kernels:
                raise
    return kernels[0]


def _kept(kernels: list[Any]) -> Any:
    """Return Inductor's step from a template to a module, which keeps the kernel and goes no further."""
    generate = TritonTemplate.generate_and_load

    def keep(self: TritonTemplate, *arguments: Any, **settings: Any) -> Any:
        generated = generate(self, *arguments, **settings)
        if generated is not None:
            kernels.append(getattr(generated.mod, f"triton_{self.name}"))
        raise _WrittenError

    return keep


def _describe_gpu(stack: ExitStack, architecture: int) -> None:
    """Let Inductor take the tensors of a graph for those of a GPU, whose driver it never asks."""
    capability = divmod(architecture, 10)
    gpu = DeviceProperties(
        type=GPU.type,
        index=GPU.index,
        multi_processor_count=108,  # of an A100; it chooses nothing here
        cc=architecture,
        major=capability[0],
        regs_per_multiprocessor=65536,
        max_threads_per_multi_processor=2048,
        max_threads_per_block=1024,
        warp_size=32,
    )
    init = ir.Layout.__init__

    def on_gpu(self: ir.Layout, device: torch.device, *arguments: Any, **settings: Any) -> None:  # noqa: ARG001
        init(self, GPU, *arguments, **settings)

    for changed in (
        patch.object(ir.Layout, "__init__", on_gpu),
        patch.object(DeviceProperties, "create", lambda _device: gpu),
        patch("torch.cuda.get_device_capability", lambda *_: capability),
        patch("torch.cuda.get_device_properties", lambda *_: gpu),
        patch("torch.utils._triton.triton_hash_with_backend", str),
        inductor_config.patch(fx_graph_cache=False),
        tracing(None),
        FakeTensorMode(),
    ):
        stack.enter_context(changed)


def compile_kernel(kernel: Any, architecture: int) -> Any:
    """Compile what Inductor wrote, with its options; all pointers are multiples of 16, as a model's tensors are."""
    (options,) = kernel.configs
    signature = kernel.triton_meta["signature"]
    aligned = {(place,): [["tt.divisibility", 16]] for place in range(len(signature))}
    source = ASTSource(kernel.fn, signature, {}, aligned)
    chosen = {"num_warps": options.num_warps, "num_stages": options.num_stages}
    return triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=chosen)


if __name__ == "__main__":
    main()
