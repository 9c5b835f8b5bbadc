"""Types of the fixtures that make views and encoders. They need torch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy.typing as npt
import torch

from ocrmill.model_adapter.vision.encoder import DeepEncoderV2

Views = Callable[[Sequence[int], int], torch.Tensor]
"""Seeds and a size to views (B, H, H, 3)."""

SeededEncoder = Callable[..., DeepEncoderV2]
"""A configuration, a dtype and settings to an encoder with seeded weights."""

Golden = Callable[[str], Mapping[str, npt.NDArray[Any]]]
"""The name of a golden file to its arrays."""

LayOut = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""A query and the output of attention to the same output with the strides of some kernel."""
