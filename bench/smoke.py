"""Every bench at its smallest size, so that none is broken on the day when its figure is wanted.

    python bench/smoke.py [NAME ...]

Runs each in a process of its own and prints its last line and its seconds; the exit code is 1 if one failed. The
figures mean nothing at these sizes. A bench that is neither in `SMALLEST` nor in `LEFT_OUT` is a failure, and so is one
whose output has no figure of docs/performance.md any more.
"""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.figures import FIGURES, Figure
from bench.real_pdfs import CORPUS, FETCH
from bench.scanned_scripts import FONTS, has_fonts

BENCH = Path(__file__).parent
SAMPLES = "samples"
TIMEOUT_S = 600
AT_ONCE = 2  # the figures mean nothing here, so that benches may disturb each other
LONGEST = ("gpu.pages", "serve", "gpu.encoder")  # started first: else one of them runs alone at the end
SMALLEST: dict[str, tuple[str, ...]] = {
    "agreed_words": (SAMPLES, "--pages", "1"),
    "agreement": (SAMPLES, "--documents", "0"),
    "commits": ("samples/text.pdf", "--minutes", "0.7", "--rate", "20"),
    "content_reasons": ("--typesetter", "typst"),
    "coordinator": ("--engines", "1", "--pages", "40", "--repeats", "1"),
    "encoder": ("--beside-products", "--pages", "1", "--tiles", "0", "--repeats", "1"),  # with them: gpu.encoder
    "encoder_traffic": ("--attention", "kernel"),
    "endpoint": ("samples", "--pages", "128", "--in-flight", "64", "--requests", "4000"),
    "first_encoder": ("--mode", "tiny", "--pages", "1", "--repeats", "1"),
    "flex_attention": ("--architecture", "80", "--grid", "48"),
    "gpu.encoder": ("rehearsal",),
    "gpu.pages": ("rehearsal",),
    "kernel_resources": ("--architecture", "90"),
    "layer_fidelity": (SAMPLES, "--pages", "1"),
    "ledger": ("--sources", "2000", "--resume-shards", "1", "--repeats", "1"),
    "listing": ("2000",),
    "markdown_libraries": (str(CORPUS), "--repeats", "1"),
    "ngram_ban": ("--steps", "24", "--rows", "256"),
    "quality": ("--documents", "1", "--typesetter", "typst", "--reader", "ocrmill", "--reader", "pymupdf-text"),
    "ocr": (SAMPLES, "--page", "scan.pdf:1", "--setting", "144:115"),
    "page_groups": ("--slots", "32", "--pages", "200", "--log-mean", "3"),
    "rasterize": ("--pages", "1", "--repeats", "1"),
    "report": ("--pages", "2000"),
    "reflag": ("--pages", "3000", "--remeasured", "200"),
    "repetition": (SAMPLES, "--each", "2"),
    "repetition.ordinary": (SAMPLES, "--pages", "1"),
    "roofline": (),
    "routing": (SAMPLES,),
    "renderer_start": ("--repeats", "1"),
    "sandbox": ("samples/scan.pdf", "--pages", "1", "--repeats", "1"),
    "scanned_scripts": ("--pages", "1", "--language", "zh"),
    "poor_scans": ("--scans", "1"),
    "serve": ("--documents", "60", "--clients", "4", "--repeats", "1"),
    "small_files": ("--documents", "120", "--pairs", "1"),
    "soak": ("--simulated", "200", "--real", "20"),
    "view": ("--pages", "2000"),
    "startup": ("--documents", "20", "--repeats", "1"),
}
LEFT_OUT = {
    "letter_frequencies": "needs /usr/share/locale with messages of many languages",
    "served_rows": "has two engines of vLLM at the same time, for which 24 GiB did not suffice beside tests",
    "vllm_pages": "needs a seeded checkpoint of 2 GB and minutes",
}
PARTS = {
    "cpu_time",
    "figures",
    "made_nights",
    "measure",
    "real_pdfs",
    "sampling",
    "smoke",
    "text_scores",
    "torchvision_stand_in",
}  # of others


def main() -> None:
    """Run what is named, or all."""
    benches = {path.stem for path in BENCH.glob("*.py")} - PARTS | {
        path.parent.name for path in BENCH.glob("*/__main__.py")
    }
    if unknown := benches - SMALLEST.keys() - LEFT_OUT.keys():
        sys.exit(f"say how small these can be, in SMALLEST of {__file__}: {', '.join(sorted(unknown))}")
    needs = f"needs the corpus of real PDFs, with its ground truth, in {CORPUS}; {FETCH}"
    left_out = LEFT_OUT | ({} if CORPUS.is_dir() else {"markdown_libraries": needs})
    left_out |= {} if has_fonts("zh") else {"scanned_scripts": f"needs fonts: {FONTS}", "poor_scans": "needs them, too"}
    left_out |= {} if CORPUS.is_dir() else {"poor_scans": needs}
    for name, reason in left_out.items():
        print(f"{name}: left out, it {reason}")
    names = sys.argv[1:] or sorted(SMALLEST.keys() - left_out, key=lambda name: (name not in LONGEST, name))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failed = [name for name, went_well in zip(names, pool.map(runs, names), strict=True) if not went_well]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def runs(name: str) -> bool:
    """Run one bench; print how it ended and, if it failed, all that it wrote."""
    started = time.monotonic()
    program = ["-m", f"bench.{name}"] if (BENCH / name).is_dir() or "." in name else [str(BENCH / f"{name}.py")]
    command = [sys.executable, *program, *SMALLEST[name]]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        code, output = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        code, output = -1, f"no end after {TIMEOUT_S} s"
    figures = [figure for figure in FIGURES if figure.command[0] == name]
    if code == 0 and figures and not any(has(output, figure) for figure in figures):
        code, output = -1, f"{output}\nno figure of bench/figures.py is in this output"
    ended = "ok" if code == 0 else f"exit code {code}"
    last = output.strip().rpartition("\n")[2]
    said = f"{name}: {ended}, {time.monotonic() - started:.0f} s: {last[:100]}"
    print(said if code == 0 else f"{said}\n{output}", flush=True)
    return code == 0


def has(output: str, figure: Figure) -> bool:
    """Return True if a bench has written this figure."""
    try:
        return bool(figure.read(output))
    except ValueError:
        return False


if __name__ == "__main__":
    main()
