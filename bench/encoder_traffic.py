"""Bytes of memory that the encoder reads and writes for a page with six tiles, counted without a GPU.

    python bench/encoder_traffic.py [--attention kernel]

Ends with 1 if a page moves more than 24 GB with kernel and compiler.

Compiled: by Inductor's own count over the kernels that its CPU backend makes of the parts (each input and output of a
kernel once), with the operands of products, convolutions and attention. Eager: inputs and outputs of every operation
that is no view. Both at the published sizes in bfloat16, on tensors without content, for one call: weights included.
`torch` attends by torch's operations, as the encoder did everywhere before the kernel; `kernel` by our Triton kernel.

Not covered: what caches save, what a kernel reads twice, and the temporary copies inside libraries.
"""

import argparse
import copy
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch._guards import tracing
from torch._inductor import config as inductor_config
from torch._inductor import ir
from torch._inductor.compile_fx import compile_fx
from torch._inductor.graph import GraphLowering
from torch._inductor.scheduler import BaseSchedulerNode
from torch._inductor.virtualized import V
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ocrmill.model_adapter.tiling import GLOBAL_SIZE, TILE_SIZE
from ocrmill.model_adapter.vision.attention import relative_attention
from ocrmill.model_adapter.vision.compilation import PARTS, compile_parts
from ocrmill.model_adapter.vision.config import EncoderConfig
from ocrmill.model_adapter.vision.encoder import DeepEncoderV2

PUBLISHED = EncoderConfig()
BOUND = 24e9


def main() -> None:
    """Print a line for each attention."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attention", action="append", choices=["torch", "kernel"])
    for attention in parser.parse_args().attention or ("torch", "kernel"):
        eager, compiled = page_bytes(kernel=attention == "kernel")
        print(f"{attention}: eager {eager / 1e9:.1f} GB, compiled {compiled / 1e9:.1f} GB")
        if attention == "kernel" and compiled > BOUND:
            sys.exit(f"that is more than {BOUND / 1e9:g} GB")


def page_bytes(*, kernel: bool, tiles: int = 6, config: EncoderConfig = PUBLISHED) -> tuple[int, int]:
    """Count the bytes of one page, eager and compiled."""
    with torch.device("meta"):
        encoder = DeepEncoderV2(config).to(torch.bfloat16).requires_grad_(False)
        views = [torch.empty(n, size, size, 3, dtype=torch.uint8) for n, size in ((1, GLOBAL_SIZE), (tiles, TILE_SIZE))]
    encoder.sam.use_kernel(kernel)
    with torch.inference_mode(), patch.object(relative_attention, "has_cheap_products", lambda _tensor: True):
        encoder(*views, [tiles])  # what is made once
        with EagerTraffic() as eager:
            encoder(*views, [tiles])
        with EagerTraffic() as between, _parts_left_out(encoder, between):
            encoder(*views, [tiles])
        compiled = CompiledTraffic()
        compile_parts(encoder, compiled, any_number=False)
        encoder(*views, [tiles])
    return eager.bytes, between.bytes + compiled.bytes


class EagerTraffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the inputs and outputs of operations that are no views."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0
        self.is_paused = False

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if not self.is_paused and not function.is_view and "empty" not in str(function):
            self.bytes += sum(
                _size(value) for value in tree_leaves((args, kwargs, result)) if isinstance(value, Tensor)
            )
        return result


class CompiledTraffic:
    """Backend of torch.compile that adds up, at each call of a graph, what Inductor counts for its kernels."""

    def __init__(self) -> None:
        self.bytes = 0

    def __call__(self, graph: torch.fx.GraphModule, inputs: Sequence[Any]) -> Callable[..., Any]:
        """Count a graph, and return it as it is, with a note of each call."""
        number = inductor_bytes(graph, inputs)

        def run(*arguments: Any) -> Any:
            self.bytes += number
            return graph(*arguments)

        return run


class _CountedError(Exception):
    """Ends a compilation once the kernels are known: no compiler of C++ has to run."""


def inductor_bytes(graph: torch.fx.GraphModule, inputs: Sequence[Any]) -> int:
    """Have Inductor make kernels of a graph, and count what they read and write."""
    counted = 0

    def count(lowered: GraphLowering) -> None:
        nonlocal counted
        lowered.codegen()
        counted = sum(map(_node_bytes, lowered.scheduler.nodes))
        raise _CountedError

    with (
        patch.object(GraphLowering, "compile_to_module", count),
        inductor_config.patch(fx_graph_cache=False),
        tracing(None),
        FakeTensorMode(),
    ):
        try:
            compile_fx(copy.deepcopy(graph), [_on_cpu(value) for value in inputs])
        except Exception as error:
            if not any(isinstance(cause, _CountedError) for cause in (error, error.__cause__, error.__context__)):
                raise
    return counted


def _node_bytes(node: BaseSchedulerNode) -> int:
    """Return Inductor's count; it leaves out what an operator with several results writes."""
    if isinstance(node.node, ir.MultiOutput):
        layout = node.node.get_layout()
        return int(V.graph.sizevars.optimization_hint(layout.storage_size())) * layout.dtype.itemsize
    return int(node.get_read_write_buffers_sizes())


@contextmanager
def _parts_left_out(encoder: DeepEncoderV2, counter: EagerTraffic) -> Iterator[None]:
    def left_out(part: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            counter.is_paused = True
            try:
                return part(*args, **kwargs)
            finally:
                counter.is_paused = False

        return run

    parts = [(module, name) for kind, name in PARTS for module in encoder.modules() if type(module) is kind]
    for module, name in parts:
        setattr(module, name, left_out(getattr(module, name)))
    yield
    for module, name in parts:
        delattr(module, name)


def _on_cpu(value: Any) -> Any:
    """Give a tensor of the same form on the CPU, for which Inductor writes kernels; a number for a symbol."""
    if isinstance(value, Tensor):
        shape, stride = ([_number(n) for n in numbers] for numbers in (value.shape, value.stride()))
        return torch.empty_strided(shape, stride, dtype=value.dtype, device="cpu")
    return _number(value)


def _number(value: int | torch.SymInt) -> int:
    """Give the number behind a symbol, and bind it to nothing."""
    return int(value.node.hint) if isinstance(value, torch.SymInt) else value


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


if __name__ == "__main__":
    main()
