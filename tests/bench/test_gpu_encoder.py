"""The first bench of a GPU gets by with little, and measures what it can where vLLM is missing or broken."""

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("triton")

ROOT = Path(__file__).parents[2]
# Of what is imported after torch, names of other distributions; what Triton and torch bring themselves is theirs.
OTHERS = """
import sys
import numpy, torch, triton
before = {name.partition(".")[0] for name in sys.modules}
from bench.gpu.encoder import kernel
assert "it is for CUDA" in kernel(torch.device("cpu"), torch.float32)["defect"]
added = {name.partition(".")[0] for name in sys.modules} - before - sys.stdlib_module_names
print(*sorted(name for name in added if name[0] != "_"))
"""
WITHOUT_VLLM = """
import torch
from bench.gpu.encoder import in_tree_with_weights_of
print(in_tree_with_weights_of(None, torch.device("cpu"), torch.float32))
"""


def run(code: str, first: Path = ROOT) -> str:
    """Return what a program prints that finds packages in this folder first."""
    program = f"import sys; sys.path[:0] = [{str(first)!r}, {str(ROOT)!r}]\n{code}"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    return done.stdout.strip()


def test_torch_and_triton_are_enough() -> None:
    """The piece `kernel` imports no distribution but torch, Triton and NumPy, and those that torch imports itself."""
    assert run(OTHERS) == "bench ocrmill"


@pytest.mark.parametrize(
    ("module", "reason"),
    [("import a_missing_dependency", "ModuleNotFoundError: No module named 'a_missing_dependency'"), ("", "vllm")],
    ids=["unpacked", "another"],
)
def test_a_vllm_that_does_not_load_is_left_out(tmp_path: Path, module: str, reason: str) -> None:
    """A wheel that was unpacked without what it depends on ends no measurement: the result says why it is not there."""
    (tmp_path / "vllm").mkdir()
    (tmp_path / "vllm" / "__init__.py").write_text(module)
    said = run(WITHOUT_VLLM, tmp_path)

    assert said.startswith("(None, ")
    assert reason in said
