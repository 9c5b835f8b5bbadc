"""Pages through vLLM on a GPU, in pieces of under eight minutes; each writes a JSON file, and `table` prints them all.

    ocrmill model seed DIR --size full      # 6.8 GB of seeded weights
    python -m bench.gpu.pages start --checkpoint DIR       # the engine starts, and reads one page
    python -m bench.gpu.pages parity --checkpoint DIR      # greedy tokens and probabilities against vLLM's own model
    python -m bench.gpu.pages sweep --checkpoint DIR --slots 64      # pages a second at 900 forced tokens, for each
    python -m bench.gpu.pages profile --checkpoint DIR --slots 64    # where the time goes, by torch's profiler
    python -m bench.gpu.pages table
    python -m bench.gpu.pages rehearsal      # all on the CPU with a tiny model, to see that nothing is broken

Settings are those that a run gives vLLM: the preset of the GPU, pages taken up in groups, the n-gram rule. Pages are
drawn, of six tiles, and cut into views before the clock starts. A sweep sends three pages for each slot, and at its end
fewer are in flight than slots: both rates are given, of all pages and of the middle third.

Not shown: anything that depends on trained weights. Seeded ones send tokens to experts evenly, write nonsense of a
forced length, and never stop. Rasterizing, Ray and more than one GPU are not in it.
"""

import argparse
import gzip
import json
import math
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from bench import torchvision_stand_in
from bench.vllm_pages import NAMES, Page, drawn_page, equal_share, request, start_engine
from ocrmill.configs.engine_settings import DeepseekOcr2Settings, EngineSettings
from ocrmill.model_adapter.checkpoint.published_config import ModelSize
from ocrmill.model_adapter.checkpoint.seeded import seed_checkpoint
from ocrmill.model_adapter.views import cut_views
from ocrmill.workers.engines.deepseek_ocr2.engine import PREFERRED, DeepseekOcr2Engine
from ocrmill.workers.engines.deepseek_ocr2.page_reader import CELLS

PAGES_PER_SLOT = 3
AHEAD = 1.25  # pages inside vLLM for each slot
DRAWN_PAGES = 16  # different ones; they are sent again and again
PARITY_SIZES = ((700, 600), (800, 1200), (1224, 1584), (1584, 1224), (1024, 1024), (768, 768))  # height, width
RESULTS = Path("gpu-results")
KINDS = {  # of kernels, by their names, in the order in which they are tried
    "attention": r"flash|fmha|attn|attention",
    "experts": r"moe|expert",
    "products": r"gemm|cutlass|nvjet|xmma|cublas|addmm|matmul|::mm|linear|bmm",
    "copies": r"memcpy|memset|copy|cat|index|gather|scatter",
    "norms and other elementwise": r"norm|elementwise|triton_|gelu|silu|mul|add|softmax",
}
Result = dict[str, Any]


def main() -> None:
    """Run the pieces that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("piece", choices=["start", "parity", "sweep", "profile", "table", "rehearsal"])
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    parser.add_argument("--slots", type=int, help="pages in flight; by default those of the GPU's preset")
    parser.add_argument("--tokens", type=int, default=900, help="forced for each page")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--model-runner", choices=["v1", "v2"], default="v1")
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    if options.piece == "table":
        print(table(options.results))
        return
    print((__doc__ or "").partition("Not shown: ")[2].join(("Not shown: ", "")))
    os.environ.update(PREFERRED | os.environ)
    os.environ["VLLM_USE_V2_MODEL_RUNNER"] = str(int(options.model_runner == "v2"))
    if options.piece == "rehearsal":
        rehearse(options)
        return
    if options.checkpoint is None:
        parser.error("--checkpoint names the folder that `ocrmill model seed DIR --size full` wrote")
    write(options, PIECES[options.piece](options))


def rehearse(options: argparse.Namespace) -> None:
    """Run every piece at its smallest on vLLM's CPU build; vLLM's own model has no tiny size, so ours stands for it.

    The first two have vLLM's processes, the others have it in this one: each process imports it for ten seconds.
    """
    os.environ.update({"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"})
    with tempfile.TemporaryDirectory() as folder:
        options.checkpoint, options.results = Path(folder, "tiny"), Path(folder, "results")
        options.results.mkdir()
        seed_checkpoint(options.checkpoint, ModelSize.TINY)
        options.slots, options.tokens, options.dtype = 2, 4, "float32"
        for piece, run in PIECES.items():
            options.piece = piece
            os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = str(int(piece in ("start", "parity")))
            write(options, run(options))
        print(table(options.results))


def start(options: argparse.Namespace) -> Result:
    """Start the engine, and read one page."""
    with engine(options) as (llm, seconds):
        took, tokens = generate(llm, pages(1), options.tokens)
    assert len(tokens[0]) == options.tokens
    return {"start_s": seconds, "one_page_s": took, "tokens": options.tokens}


def parity(options: argparse.Namespace) -> Result:
    """Let our model and vLLM's read pages of all grids in float32, and compare."""
    compared = ("ours", "ours" if is_cpu() else "in-tree")
    written: dict[str, list[list[int]]] = {}
    logprobs: dict[str, Any] = {}
    shown = [drawn_page(seed)[:height, :width] for seed, (height, width) in enumerate(PARITY_SIZES)]
    shown = shown[: 2 if is_cpu() else None]
    with tempfile.TemporaryDirectory() as folder:
        torchvision_stand_in.install(Path(folder))
        for name, labels in groupby(zip(compared, NAMES, strict=True), key=itemgetter(0)):
            one = start_engine(name, options.checkpoint, "float32")
            for _, label in labels:
                _, written[label] = one.read(shown, min(options.tokens, 64))
                logprobs[label] = np.array([value for page in shown for value in one.prompt_logprobs(page)])
            one.close()
    return {
        "compared": list(compared),
        "pages": len(shown),
        "equal_tokens": equal_share(written),
        "equal_pages": sum(ours == theirs for ours, theirs in zip(*written.values(), strict=True)),
        "largest_logprob_difference": float(np.abs(np.subtract(*logprobs.values())).max()),
    }


def sweep(options: argparse.Namespace) -> Result:
    """Read three pages for each slot, and time them."""
    with engine(options) as (llm, seconds):
        slots = llm.llm_engine.vllm_config.scheduler_config.max_num_seqs
        count = PAGES_PER_SLOT * slots
        generate(llm, pages(min(8, slots)), 2)  # Triton compiles its kernels
        ends: list[float] = []
        took, tokens = generate(llm, pages(count), options.tokens, ends)
    assert all(len(page) == options.tokens for page in tokens)
    middle = sorted(ends)[count // 3 - 1 : 2 * count // 3]
    return {
        "slots": slots,
        "pages": count,
        "tokens": options.tokens,
        "start_s": seconds,
        "pages_per_s": count / took,
        "middle_pages_per_s": (len(middle) - 1) / max(middle[-1] - middle[0], 1e-9),
        "tokens_per_s": count * options.tokens / took,
    }


def profile(options: argparse.Namespace) -> Result:
    """Read pages under torch's profiler, and add up its kernels by kind and by name."""
    with tempfile.TemporaryDirectory() as folder:
        config = {"profiler": "torch", "torch_profiler_dir": folder}
        with engine(options, profiler_config=config) as (llm, _):
            slots = llm.llm_engine.vllm_config.scheduler_config.max_num_seqs
            generate(llm, pages(min(8, slots)), 2)
            llm.start_profile()
            generate(llm, pages(slots), min(options.tokens, 32))  # a trace of more is gigabytes
            llm.stop_profile()
        seconds = kernel_seconds(Path(folder))
    total = sum(seconds.values())
    kinds: Counter[str] = Counter()
    for name, value in seconds.items():
        kinds[kind_of(name)] += value
    return {
        "slots": slots,
        "kernels_s": total,
        "shares": {kind: value / total for kind, value in kinds.most_common()},
        "longest": {name[:120]: value / total for name, value in seconds.most_common(25)},
    }


PIECES: dict[str, Callable[[argparse.Namespace], Result]] = {
    "start": start,
    "parity": parity,
    "sweep": sweep,
    "profile": profile,
}


@contextmanager
def engine(options: argparse.Namespace, **more: Any) -> Iterator[tuple[Any, float]]:
    """An engine as a run starts it, and the seconds that it took to start."""
    from vllm import LLM

    settings = DeepseekOcr2Settings(
        model=str(options.checkpoint),
        dtype=options.dtype,
        pages_in_flight=options.slots,
        model_runner=options.model_runner,
        cpu_cache_gb=1,
    )
    arguments = DeepseekOcr2Engine(EngineSettings(deepseek_ocr2=settings))._engine_arguments(memory=1.0)  # noqa: SLF001
    started = time.perf_counter()
    llm = LLM(**arguments, **more)
    try:
        yield llm, time.perf_counter() - started
    finally:
        llm.llm_engine.engine_core.shutdown()


def generate(
    llm: Any, images: list[Any], tokens: int, ends: list[float] | None = None
) -> tuple[float, list[list[int]]]:
    """Read pages that give so many tokens each: the seconds for all, and what they gave. `ends` gets their times."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    sampling = SamplingParams(
        temperature=0.0,
        max_tokens=tokens,
        ignore_eos=True,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
        extra_args={"ngram_size": 20, "window_size": 50, "whitelist_token_ids": list(CELLS)},
    )
    core = llm.llm_engine
    most_inside = math.ceil(AHEAD * core.vllm_config.scheduler_config.max_num_seqs)
    given: list[list[int]] = []
    begun, sent = time.perf_counter(), 0
    while len(given) < len(images):
        while sent < len(images) and sent - len(given) < most_inside:
            (prompt,) = core.renderer.render_cmpl([request(images[sent])])
            core.add_request(f"page-{begun}-{sent}", prompt, sampling)
            sent += 1
        finished = [output for output in core.step() if output.finished]
        given += [list(output.outputs[0].token_ids) for output in finished]
        if ends is not None:
            ends += [time.perf_counter()] * len(finished)
    return time.perf_counter() - begun, given


def pages(count: int) -> list[Any]:
    """Draw pages, and cut them into views."""
    drawn: list[Page] = [drawn_page(seed) for seed in range(min(count, DRAWN_PAGES))]
    views = [cut_views(page) for page in drawn]
    return [views[number % len(views)] for number in range(count)]


def kernel_seconds(folder: Path) -> Counter[str]:
    """Add up the time of each kernel in the traces of a folder; on a CPU, of each operator."""
    category = "cpu_op" if is_cpu() else "kernel"
    seconds: Counter[str] = Counter()
    for path in folder.glob("*.json*"):
        data = path.read_bytes()
        for event in json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)["traceEvents"]:
            if event.get("cat") == category:
                seconds[event["name"]] += event["dur"] / 1e6
    if not seconds:
        sys.exit(f"the profiler left no event of the kind {category} in {folder}")
    return seconds


def kind_of(name: str) -> str:
    """Return the kind of a kernel."""
    return next((kind for kind, pattern in KINDS.items() if re.search(pattern, name, re.IGNORECASE)), "other")


def is_cpu() -> bool:
    """Tell if vLLM computes on the CPU, as in the rehearsal."""
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())


def device() -> str:
    """Return the name of what was measured."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU, a rehearsal: the figures mean nothing"


def write(options: argparse.Namespace, result: Result) -> None:
    """Write the result of a piece, and print it."""
    import torch
    import vllm

    where = {"device": device(), "torch": torch.__version__, "vllm": vllm.__version__, "runner": options.model_runner}
    name = "-".join([options.piece, options.model_runner, *([str(result["slots"])] if "slots" in result else [])])
    (options.results / f"pages-{name}.json").write_text(json.dumps(where | result, indent=2))
    print(f"{options.piece}: {json.dumps(result)}", flush=True)


def table(folder: Path) -> str:
    """Return the results of a folder as a table for docs/performance.md."""
    lines = ["| what | result | measured | command |", "|---|---|---|---|"]
    for path in sorted(folder.glob("pages-*.json")):
        result = json.loads(path.read_text())
        piece = path.stem.split("-")[1]
        command = f"`python -m bench.gpu.pages {piece} --checkpoint DIR`"
        measured = f"{result['device']}, vLLM {result['vllm']}, runner {result['runner']}"
        lines.append(f"| {sentence(piece, result)} | {measured} | {command} |")
    return "\n".join(lines)


def sentence(piece: str, result: Result) -> str:
    """Return the first two cells of a row."""
    match piece:
        case "start":
            what = f"vLLM with the full model: start; first page of {result['tokens']} tokens"
            found = f"{result['start_s']:.0f} s; {result['one_page_s']:.1f} s"
        case "parity":
            what = f"greedy tokens of {' and '.join(result['compared'])}, {result['pages']} pages, float32"
            difference = result["largest_logprob_difference"]
            found = f"{result['equal_tokens']:.1%} equal; log probabilities differ by {difference:.1e}"
        case "sweep":
            what = f"pages a second, {result['slots']} in flight, {result['tokens']} tokens each: all; the middle third"
            found = f"{result['pages_per_s']:.2f}; {result['middle_pages_per_s']:.2f}"
        case _:
            what = f"where the time of the kernels goes, {result['slots']} in flight"
            found = ", ".join(f"{kind} {share:.0%}" for kind, share in result["shares"].items())
    return f"{what} | {found}"


if __name__ == "__main__":
    main()
