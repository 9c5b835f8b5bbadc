"""The program of olmOCR-bench's own Python: which formulas look like one of others. It imports nothing of ours.

Reads a JSON list of pairs, a formula and a list of formulas, from the file that its first argument names, and writes a
list of true and false into the second. What the benchmark's code prints goes elsewhere.
"""

import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

BROWSERS_AT_A_TIME = 4  # each waits most of its time
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")  # of a browser on the PATH


def main() -> None:
    """Compare the formulas of all pairs."""
    pairs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    use_browser_of_the_path()
    with ThreadPoolExecutor(BROWSERS_AT_A_TIME) as threads:
        alike = list(threads.map(lambda pair: looks_alike(*pair), pairs))
    Path(sys.argv[2]).write_text(json.dumps(alike), encoding="utf-8")


def use_browser_of_the_path() -> None:
    """Have playwright start the Chromium of this machine where its own is not installed."""
    from playwright import sync_api

    browser_type: Any = sync_api.BrowserType
    launch = browser_type.launch

    def launch_here(browsers: Any, **options: Any) -> Any:
        if not Path(browsers.executable_path).exists():
            options["executable_path"] = next(filter(None, map(shutil.which, NAMES)), None)
        return launch(browsers, **options)

    browser_type.launch = launch_here


def looks_alike(wanted: str, formulas: "list[str]") -> bool:
    """Tell if one of the formulas looks like the wanted one, as the benchmark has it."""
    from olmocr.bench.katex.render import compare_rendered_equations

    return any(compare_rendered_equations(drawn(wanted), drawn(formula)) for formula in formulas)


@cache
def drawn(formula: str) -> Any:
    """Draw a formula with KaTeX, in a browser."""
    from olmocr.bench.katex.render import render_equation

    return render_equation(formula, use_cache=False)


if __name__ == "__main__":
    main()
