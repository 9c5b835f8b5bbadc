"""The encoder's parts by torch.compile, on CUDA: products and attention stay as they are, what lies between is fused.

A part is compiled once for all blocks or layers of its kind, at each size of view, for one view and for any number of
them. vLLM's own decorator for encoders (`compile_mm_encoder`) is not used: it compiles a module whole, 24 layers in
one graph, and leaves no room for a check of the result.
"""

import logging
from collections.abc import Callable
from types import MethodType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ocrmill.model_adapter.vision.attention.windows import Windows
from ocrmill.model_adapter.vision.clip_vit import ClipLayer
from ocrmill.model_adapter.vision.encoder import DeepEncoder
from ocrmill.model_adapter.vision.flow_encoder import FlowLayer
from ocrmill.model_adapter.vision.sam_vit import Block, SamVit

CompileChoice = Literal["auto", "on", "off"]
Backend = str | Callable[..., Any]

PARTS: tuple[tuple[type[nn.Module], str], ...] = (
    (SamVit, "embed_patches"),
    (Block, "forward"),
    (SamVit, "narrow"),
    (FlowLayer, "forward"),
    (ClipLayer, "forward"),
)
# Relative distance of both ways in half precision: the compiler keeps in float32 what eager operations round between.
BOUND = 0.03
CHECKED_VIEWS = (1, 2)  # at a time
_KINDS = 16  # of one part: two sizes, one view or more, windows or not, and room for another dtype
_LONGEST = 200  # letters of an error; Dynamo's have a page
_logger = logging.getLogger(__name__)


def choose_compilation(encoder: DeepEncoder, choice: CompileChoice, backend: Backend = "inductor") -> None:
    """Let an encoder run by compiled parts if they are right, or by torch's operations one by one.

    Args:
        encoder: with its weights, on its device.
        choice: `off` never compiles. `on` compiles or raises. `auto` compiles on CUDA, and goes back, with a warning,
            if compiling fails or the results differ. Both are seen here, at all sizes, before the first page.
        backend: of torch.compile.

    Raises:
        RuntimeError: `on` was chosen, and the parts do not compile or are wrong here.
    """
    _leave(encoder)
    if choice == "off" or (choice == "auto" and not is_worthwhile(encoder)):
        return
    checked = [(size, views) for size in encoder.layout.sides for views in CHECKED_VIEWS]
    expected = {case: _encode_noise(encoder, *case) for case in checked}
    compile_parts(encoder, backend)
    defect = _defect(encoder, expected)
    if defect is None:
        return
    _leave(encoder)
    if choice == "on":
        raise RuntimeError(f"the encoder cannot be compiled: {defect}; choose encoder_compile `off`")
    _logger.warning("the encoder runs uncompiled, which is slower: %s", defect)


def is_worthwhile(encoder: DeepEncoder) -> bool:
    """Tell if this encoder's device gains by it; on a CPU compiling takes longer than it saves."""
    return encoder.separator.is_cuda


def _defect(encoder: DeepEncoder, expected: dict[tuple[int, int], Tensor]) -> str | None:
    for (size, views), right in expected.items():
        try:
            distance = float((_encode_noise(encoder, size, views) - right).norm() / right.norm())
        except Exception as error:  # noqa: BLE001 - Dynamo, Inductor, Triton and the driver raise of every kind
            return f"it does not compile ({' '.join(str(error).split())[:_LONGEST] or type(error).__name__})"
        if not distance < BOUND:  # NaN is wrong, too
            return f"compiled it is wrong, by {distance:.2g} for {size} px"
    return None


@torch.inference_mode()
def _encode_noise(encoder: DeepEncoder, size: int, views: int) -> Tensor:
    device = encoder.separator.device
    draw = torch.Generator(device).manual_seed(size + views)
    pixels = torch.randint(256, (views, size, size, 3), dtype=torch.uint8, generator=draw, device=device)
    return encoder.read_features(encoder.sam(pixels).flatten(1, 2)).float()


def compile_parts(encoder: DeepEncoder, backend: Backend, *, any_number: bool = True) -> None:
    """Have the parts of an encoder compiled when they are first called, for that number of views or for any number."""
    limits: dict[str, Any] = {"recompile_limit": _KINDS, "isolate_recompiles": True}
    for kind, name in PARTS:
        compiled = torch.compile(getattr(kind, name), fullgraph=True, backend=backend, **limits)
        part = _for_any_number(compiled) if any_number else compiled
        for module in encoder.modules():
            if type(module) is kind:
                setattr(module, name, MethodType(part, module))


def _leave(encoder: DeepEncoder) -> None:
    for kind, name in PARTS:
        for module in encoder.modules():
            if type(module) is kind:
                module.__dict__.pop(name, None)


def _for_any_number(compiled: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Have a part compiled once for any number of views: the axes that count them are said to vary."""

    def run(module: nn.Module, x: Tensor, *others: Any, **named: Any) -> Tensor:
        torch._dynamo.maybe_mark_dynamic(x, 0)  # noqa: SLF001 - documented; there is no public name
        for other in others:
            if isinstance(other, Windows):
                torch._dynamo.maybe_mark_dynamic(other.patches_wn, 0)  # noqa: SLF001
                torch._dynamo.maybe_mark_dynamic(other.places_bss, 0)  # noqa: SLF001
        return compiled(module, x, *others, **named)

    return run
