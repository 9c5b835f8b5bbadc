"""Notice operations for which a GPU makes the host wait."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

WAITS = {"_local_scalar_dense", "item", "nonzero", "masked_select", "unique2", "is_nonzero", "equal", "_to_cpu"}


class NoWaiting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Fails on each operation for which a GPU makes the host wait: shapes by content, numbers, copies to the CPU."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations += 1
        name = function.overloadpacket.__name__
        assert name not in WAITS, f"{name} waits for the GPU"
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.device.type == "cpu":
            given = [value.device.type for value in args if isinstance(value, torch.Tensor)]
            assert "meta" not in given, f"{name} brings a tensor from the device to the host"
        return result
