"""Tensors worked out from parameters, once per input size instead of once per call."""

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Derived(Generic[T]):
    """Cache of a function's result for parameters at a size; it lasts until the parameters change.

    A change is noticed whether weights are loaded again, or moved to another device or dtype. Not noticed: writing
    into `parameter.data`, which torch does not count, once a result has been kept.
    """

    def __init__(self, derive: Callable[[tuple[Tensor, ...], int], T]) -> None:
        self._derive = derive
        self._kept: dict[int, tuple[tuple[Tensor, ...], tuple[int, ...], T]] = {}

    def __call__(self, parameters: tuple[Tensor, ...], size: int) -> T:
        """Give `derive(parameters, size)`, as normal tensors without gradients."""
        if any(parameter.is_inference() for parameter in parameters):  # torch counts no changes of these
            return self._derive(parameters, size)
        kept = self._kept.get(size)
        if kept and all(map(_is_unchanged, parameters, kept[0], kept[1])):
            return kept[2]
        with torch.inference_mode(False), torch.no_grad():
            # The sources are kept too: memory in use cannot be given to the next parameter.
            sources = tuple(parameter.detach() for parameter in parameters)
            result = self._derive(sources, size)
        self._kept[size] = (sources, tuple(source._version for source in sources), result)  # noqa: SLF001
        return result


def _is_unchanged(parameter: Tensor, source: Tensor, version: int) -> bool:
    is_same = parameter.data_ptr() == source.data_ptr() and parameter.dtype == source.dtype
    return is_same and parameter._version == version  # noqa: SLF001
