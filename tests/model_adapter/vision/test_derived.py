"""Results worked out from parameters are kept exactly as long as the parameters."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ocrmill.model_adapter.vision.derived import Derived


class Counted:
    """Sums a parameter's entries beyond a place, and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, parameters: tuple[torch.Tensor, ...], size: int) -> torch.Tensor:
        self.calls += 1
        return parameters[0][size:].sum()


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def parameter() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.arange(4.0))


def test_once_per_size(counted: Counted, parameter: torch.nn.Parameter) -> None:
    """A size is worked out once, whether in inference mode or not."""
    derived = Derived(counted)
    for _ in range(3):
        assert derived((parameter,), 1) == 6
        with torch.inference_mode():
            assert derived((parameter,), 3) == 3

    assert counted.calls == 2
    assert not derived((parameter,), 3).is_inference()
    assert not derived((parameter,), 3).requires_grad


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_new_weights_are_noticed(counted: Counted, parameter: torch.nn.Parameter, mode: Callable[[], Any]) -> None:
    """Weights written into a parameter, or into a part of it, make the kept result void."""
    derived = Derived(counted)
    assert derived((parameter,), 0) == 6
    with mode():
        parameter[2:].copy_(torch.tensor([10.0, 20.0]))

    assert derived((parameter,), 0) == 31


def test_moves_are_noticed(counted: Counted) -> None:
    """A module moved to another dtype and back, its weights rounded on the way, is another one."""
    module = torch.nn.Linear(1, 4, bias=False)
    torch.nn.init.constant_(module.weight, 1 / 3)
    derived = Derived(counted)
    exact = derived((module.weight,), 0)
    rounded = derived((module.to(torch.bfloat16).float().weight,), 0)

    assert exact != rounded
    assert rounded == module.weight.sum()
    assert derived((module.to(torch.bfloat16).weight,), 0).dtype == torch.bfloat16


def test_weights_that_torch_does_not_watch_are_not_kept(counted: Counted) -> None:
    """Changes of tensors made in inference mode are not counted, so nothing made of them is kept."""
    derived = Derived(counted)
    with torch.inference_mode():
        parameter = torch.ones(4)
        assert derived((parameter,), 0) == 4
        parameter.zero_()
        assert derived((parameter,), 0) == 0
