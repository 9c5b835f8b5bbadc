"""Registers, spills and shared memory of the attention kernel, compiled for GPUs that need not be here.

    python bench/kernel_resources.py [--architecture 80] [--json]

Compiles with whichever Triton is found first (PYTHONPATH=.venv/triton-3.7.1 chooses), and asks the ptxas of its wheel.
`matrix` counts the instructions of tensor cores, `copies` the asynchronous copies of 16 bytes.

Not covered: speed. No register is spilled and all products are on tensor cores, but how well they overlap with loads
and exponentials is for a GPU to show (bench/gpu).
"""

import argparse
import dataclasses
import json
import re
import subprocess
import tempfile
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia.compiler import get_ptxas
from triton.compiler import ASTSource

from ocrmill.model_adapter.vision.attention.grid_attention import HEAD_WIDTH, OPTIONS, constants_of
from ocrmill.model_adapter.vision.attention.grid_attention_kernel import attend_on_grids_kernel
from ocrmill.model_adapter.vision.config import SamConfig

ARCHITECTURES = (80, 90, 100)
SHAPES = tuple((grid, window) for grid in (64, 48, 32, 40, 80) for window in (grid, 14))  # in patches a side
MATRIX = re.compile(r"wgmma\.mma_async|tcgen05\.mma|mma\.sync")
COPY = re.compile(r"cp\.async\.c[ga]\.shared\.global\s[^;]*?0x([0-9a-f]+)")


@dataclasses.dataclass(frozen=True, slots=True)
class Resources:
    """The resources that one compiled kernel takes."""

    triton: str
    target: str
    dtype: str
    grid: int
    window: int
    registers: int  # of a thread
    spilled_bytes: int
    shared_bytes: int
    matrix: int
    copies: int
    narrow_copies: int  # of fewer than 16 bytes


def main() -> None:
    """Print a line for each kernel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", type=int, action="append", choices=ARCHITECTURES)
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    options = parser.parse_args()
    for architecture in options.architecture or ARCHITECTURES:
        for grid, window in SHAPES:
            found = resources_of(architecture, grid, window)
            if options.json:
                print(json.dumps(dataclasses.asdict(found)), flush=True)
            else:
                print(described(found), flush=True)


def described(found: Resources) -> str:
    """Return a line to read."""
    shape = f"{found.window} of {found.grid}"
    return (
        f"Triton {found.triton} {found.target:8} {shape:8} {found.registers:3} registers, {found.spilled_bytes} bytes "
        f"spilled, {found.shared_bytes / 1024:.0f} KiB shared, {found.matrix} matrix, {found.copies} copies"
    )


def resources_of(architecture: int, grid: int, window: int, dtype: str = "bf16") -> Resources:
    """Compile the kernel of the published sizes for an architecture."""
    return read_resources(compile_kernel(architecture, grid, window, dtype), architecture, grid, window, dtype)


def read_resources(compiled: Any, architecture: int, grid: int, window: int, dtype: str = "bf16") -> Resources:
    """Have ptxas report what a kernel takes that Triton has compiled."""
    code = compiled.asm["ptx"]
    target = re.search(r"\.target (sm_\w+)", code)
    assert target is not None, "every PTX names its target"
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(code)
        file.flush()
        command = [get_ptxas(architecture).path, "-v", f"--gpu-name={target[1]}", file.name, "-o", "/dev/null"]
        report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    registers = re.search(r"Used (\d+) registers", report)
    assert registers is not None, report
    widths = [int(width, 16) for width in COPY.findall(code)]
    return Resources(
        triton=triton.__version__,
        target=target[1],
        dtype=dtype,
        grid=grid,
        window=window,
        registers=int(registers[1]),
        spilled_bytes=sum(map(int, re.findall(r"(\d+) bytes spill", report))),
        shared_bytes=compiled.metadata.shared,
        matrix=len(MATRIX.findall(code)),
        copies=sum(width == 16 for width in widths),
        narrow_copies=sum(width < 16 for width in widths),
    )


def compile_kernel(architecture: int, grid: int, window: int, dtype: str) -> Any:
    """Compile as a launch would: pointers and the number of patches are multiples of 16."""
    constants = constants_of(SamConfig().heads, HEAD_WIDTH, grid, window)
    names = attend_on_grids_kernel.arg_names
    types = {name: "i32" if name == "patches" else f"*{dtype}" for name in names} | dict.fromkeys(
        constants, "constexpr"
    )
    aligned = {(place,): [["tt.divisibility", 16]] for place, name in enumerate(names) if name not in constants}
    source = ASTSource(
        attend_on_grids_kernel, types, {(names.index(name),): value for name, value in constants.items()}, aligned
    )
    return triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=OPTIONS)


if __name__ == "__main__":
    main()
