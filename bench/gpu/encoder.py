"""The attention kernel and the encoder on a GPU, with torch, Triton and NumPy only; beside them vLLM's, if it is there.

    python -m bench.gpu.encoder kernel          # the kernel against torch's operations, at every grid and window
    python -m bench.gpu.encoder speed --pages 8 # ms and MiB for pages of six tiles, and TFLOP/s beside plain products
    python -m bench.gpu.encoder table
    python -m bench.gpu.encoder rehearsal       # all on the CPU at a small size, to see that nothing is broken

vLLM's modules are read from an installed wheel, or from an unpacked one on PYTHONPATH; if they cannot be imported (an
unpacked wheel lacks what it depends on, transformers first), they are left out, and why is in the result. Each piece
writes a JSON file.

Not shown: anything that depends on trained weights, the decoder, and what CUDA graphs would save.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench.encoder import Pages, distance, make_in_tree, make_ours, make_pages, matmul_tflops, name_of, timed
from ocrmill.model_adapter.vision.attention_choice import choose_attention, kernel_defect
from ocrmill.model_adapter.vision.config import EncoderConfig, SamConfig
from ocrmill.model_adapter.vision.encoder import DeepEncoderV2
from ocrmill.model_adapter.vision.sam_vit import SamVit

RESULTS = Path("gpu-results")
TILES = 6
REPEATS = 7
Result = dict[str, Any]
Encode = Callable[[Pages], list[Tensor]]


def main() -> None:
    """Run the piece that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("piece", choices=["kernel", "speed", "table", "rehearsal"])
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    parser.add_argument("--pages", type=int, default=1)
    options = parser.parse_args()
    if options.piece == "table":
        print(table(options.results))
        return
    print("Not shown: " + (__doc__ or "").partition("Not shown: ")[2])
    if options.piece == "rehearsal":
        rehearse()
        return
    gpu = torch.device("cuda")
    if options.piece == "kernel":
        name, result = "kernel", kernel(gpu, torch.bfloat16)
    else:
        name = f"encoder-{options.pages}"
        result = speed(gpu, torch.bfloat16, pages=options.pages, tiles=TILES, repeats=REPEATS)
    options.results.mkdir(parents=True, exist_ok=True)
    write(result, options.results / f"{name}.json")


def rehearse() -> None:
    """Run every piece on the CPU with one view, and its table."""
    cpu = torch.device("cpu")
    with tempfile.TemporaryDirectory() as folder:
        write(kernel(cpu, torch.float32), Path(folder) / "kernel.json")
        write(speed(cpu, torch.float32, pages=1, tiles=0, repeats=1), Path(folder) / "encoder-1.json")
        print(table(Path(folder)))


def write(result: Result, path: Path) -> None:
    """Write what a piece found, and print it."""
    path.write_text(json.dumps(result, indent=2))
    print(json.dumps(result, indent=2))


def kernel(device: torch.device, dtype: torch.dtype) -> Result:
    """Hold the kernel against torch's operations at the sizes of the published model."""
    with torch.device(device):
        sam = SamVit(SamConfig(), 896).to(dtype)
    return {"device": name_of(device), "dtype": str(dtype), "defect": kernel_defect(sam)}


def speed(device: torch.device, dtype: torch.dtype, *, pages: int, tiles: int, repeats: int) -> Result:
    """Time the encoder with the kernel where it runs, with torch's operations, and vLLM's, in turns."""
    ours = make_ours(device, dtype)
    given = make_pages(pages, tiles, device, dtype)

    def encode(choice: Any, views: Pages) -> list[Tensor]:
        if ours.sam.has_kernel != (choice == "triton"):
            choose_attention(ours.sam, choice)
        embeddings: list[Tensor] = ours(views.global_views_nhwc, views.tiles_nhwc, views.tiles_per_page)
        return embeddings

    encoders: dict[str, Encode] = {"torch": partial(encode, "torch")}
    if kernel_defect(ours.sam) is None:
        encoders["kernel"] = partial(encode, "triton")
    left_out = "on a CPU bench/encoder.py runs it"
    if device.type == "cuda":
        in_tree, left_out = in_tree_with_weights_of(ours, device, dtype)
        encoders |= {} if in_tree is None else {"in-tree": in_tree}
    figures: dict[str, Result] = {}
    with torch.inference_mode():
        expected: list[Tensor] = []
        for name, run in encoders.items():
            with FlopCounterMode(display=False) as counter:
                embeddings = run(given)  # kernels are chosen and compiled here
            expected = expected or embeddings  # of torch's operations, the first
            seconds = statistics.median(timed(partial(run, given), device)[0] for _ in range(repeats))
            tflop = counter.get_total_flops() / 1e12
            figures[name] = {
                "ms_per_page": 1000 * seconds / pages,
                "tflops": tflop / seconds,
                "tflop_per_page": tflop / pages,
                "distance": distance(embeddings, expected),
                "peak_mib": peak_mib(partial(run, given), device),
            }
        peak = matmul_tflops(device, dtype)
    result = {"device": name_of(device), "pages": pages, "tiles": tiles, "products_tflops": peak, "encoders": figures}
    return result if "in-tree" in figures else result | {"in_tree_left_out": left_out}


def in_tree_with_weights_of(
    ours: DeepEncoderV2, device: torch.device, dtype: torch.dtype, config: EncoderConfig | None = None
) -> tuple[Encode | None, str]:
    """Make vLLM's encoder with our weights; None, and the reason, if its modules are not here or do not load."""
    try:
        in_tree = make_in_tree(device, dtype, config)
    except Exception as error:  # noqa: BLE001 - imports of an unpacked wheel fail in every way; ours is measured anyway
        return None, f"vLLM's modules do not load ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
    in_tree.load_state_dict({name: slot.clone() for name, slot in ours.checkpoint_slots().items()})
    return in_tree, ""


def peak_mib(run: Callable[[], object], device: torch.device) -> float | None:
    """MiB beyond weights and pages; None on a CPU, where bench/encoder.py measures it."""
    if device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def table(results: Path) -> str:
    """Return the rows for docs/performance.md."""
    rows = ["| GPU | pages | attention | ms per page | TFLOP/s of plain products | MiB |", "|---|---|---|---|---|---|"]
    for path in sorted(results.glob("encoder-*.json")):
        found = json.loads(path.read_text())
        for name, figure in found["encoders"].items():
            reached = f"{figure['tflops']:.3g} of {found['products_tflops']:.3g}"
            memory = "not measured" if figure["peak_mib"] is None else f"{figure['peak_mib']:,.0f}"
            measured = f"{figure['ms_per_page']:.1f} | {reached} | {memory}"
            rows.append(f"| {found['device']} | {found['pages']} | {name} | {measured} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
