"""Routes every page of a folder of PDFs, says why, and what looking at a page costs.

    python bench/routing.py FOLDER [--bad NAME.pdf:1 ...] [--ocr]

A line a page: route, reason, the features that are unusual, CPU milliseconds. Where FOLDER has a manifest.jsonl, its
`kind` and `password` are used. `--bad` names pages whose layer is known to be bad (numbers from 1): those taken for
good are listed. Each document is read in a process of its own, and a page that takes too long is left out.
"""

import argparse
import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, fields
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pymupdf

from ocrmill.configs.settings import RoutingSettings
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.pages import mupdf as rasterize
from ocrmill.pipeline.pages.inspection import inspect_page, text_of
from ocrmill.pipeline.pages.mapped_file import map_path
from ocrmill.pipeline.pages.routing import decide, layer_can_check
from ocrmill.pipeline.pages.text_statistics import measure_text
from ocrmill.pipeline.records import PageFeatures, Route

PAGE_SECONDS = 10.0
UNUSUAL = {  # features shown from this value on
    "unmapped_share": 0.005,
    "control_share": 0.005,
    "private_use_share": 0.005,
    "vowelless_share": 0.1,
    "consonant_run_share": 0.03,
    "one_letter_share": 0.3,
    "script_oddness": 0.15,
    "invisible_share": 0.01,
    "image_cover": 0.2,
    "uncovered_ink_share": 0.2,
    "inkless_text_share": 0.05,
}


@dataclass(frozen=True, slots=True)
class Milliseconds:
    """CPU time of the parts of one page. `inspect` includes `text` and `statistics`."""

    thumbnail: float
    text: float
    statistics: float
    inspect: float


@dataclass(frozen=True, slots=True)
class Seen:
    """One page, or why there is none."""

    page_number: int
    features: PageFeatures | None = None
    took: Milliseconds | None = None
    error: str | None = None


def look(path: str, password: str | None, first: int, pipe: Connection) -> None:
    """Send what the pages of a document hold, from page `first` on."""
    rasterize.quiet()
    try:
        document = rasterize.open_document(map_path(path), (password,) if password else ()).document
        pages = rasterize.count_pages(document)
    except PageError as error:
        pipe.send(Seen(0, error=str(error)))
        return
    for number in range(first, pages + 1):
        pipe.send(number)
        try:
            pipe.send(look_at(document, number))
        except Exception as error:  # noqa: BLE001 - MuPDF's errors are not one family
            pipe.send(Seen(number, error=str(error)))


def look_at(document: pymupdf.Document, number: int) -> Seen:
    """Inspect one page, and time the parts."""
    page = document[number - 1]
    times = [time.thread_time()]
    thumbnail = rasterize.render_thumbnail(page, rasterize.displayed_geometry(page))
    times.append(time.thread_time())
    text = text_of(page)
    times.append(time.thread_time())
    measure_text(text)
    times.append(time.thread_time())
    features = inspect_page(page, thumbnail)
    times.append(time.thread_time())
    return Seen(number, features, Milliseconds(*(np.diff(times) * 1000).tolist()))


def seen_pages(path: Path, password: str | None) -> Iterator[Seen]:
    """Pages of a document; a process that is stuck is killed, and another goes on behind the page."""
    context = multiprocessing.get_context("spawn")
    first = 1
    while first:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=look, args=(str(path), password, first, theirs), daemon=True)
        process.start()
        theirs.close()
        first = yield from _until_stuck(ours)
        process.kill()
        process.join()


def _until_stuck(pipe: Connection) -> Generator[Seen, None, int]:
    """Pass pages on until the process ends (returns 0), or is stuck (returns the page to go on with)."""
    number = 0
    while True:
        if not pipe.poll(PAGE_SECONDS):
            yield Seen(number, error=f"not done after {PAGE_SECONDS:.0f} s")
            return number + 1
        try:
            message = pipe.recv()
        except EOFError:
            return 0
        if isinstance(message, Seen):
            yield message
        else:
            number = message


def unusual(features: PageFeatures) -> str:
    """Features that stand out, as `name 0.12, ...`."""
    values = asdict(features)
    shown = [f"{name} {values[name]:.2f}" for name, limit in UNUSUAL.items() if values[name] >= limit]
    return ", ".join([f"{features.characters} {features.script}", *shown])


def route_folder(folder: Path, bad: set[str], settings: RoutingSettings) -> None:
    """Print a line for every page, then the totals."""
    manifest = folder / "manifest.jsonl"
    entries = map(json.loads, manifest.read_text().splitlines()) if manifest.exists() else ()
    known = {entry["file"]: entry for entry in entries}
    reasons, missed, times = Counter[str](), [], []
    for path in sorted(folder.glob("*.pdf")):
        entry = known.get(path.name, {})
        print(f"\n{path.name} ({entry.get('kind', '?')})")
        for seen in seen_pages(path, entry.get("password")):
            if seen.features is None or seen.took is None:
                print(f"  {seen.page_number:4d} not seen: {seen.error}")
                continue
            decision = decide(seen.features, settings)
            checkable = (
                " (can check)" if decision.route is Route.OCR and layer_can_check(seen.features, settings) else ""
            )
            print(f"  {seen.page_number:4d} {decision.route} {decision.reason}{checkable}: {unusual(seen.features)}")
            reasons[f"{decision.route} {decision.reason}"] += 1
            times.append([getattr(seen.took, part.name) for part in fields(Milliseconds)])
            page = f"{path.name}:{seen.page_number}"
            if page in bad and decision.route is Route.TEXT_LAYER:
                missed.append(page)
    print(f"\n{reasons.total()} pages: " + ", ".join(f"{count} {reason}" for reason, count in reasons.most_common()))
    print(f"bad layers taken for good: {missed or 'none'} of {len(bad)} named")
    for part, column in zip(fields(Milliseconds), np.array(times).T, strict=True):
        print(f"{part.name:10s} ms CPU: mean {column.mean():6.2f}  " + _percentiles(column))


def _percentiles(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> str:
    return "  ".join(f"p{p} {np.percentile(values, p):6.2f}" for p in (50, 95, 99, 100))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bad", nargs="*", default=[], metavar="NAME.pdf:PAGE")
    parser.add_argument("--ocr", action="store_true", help="as with routing.mode = ocr")
    arguments = parser.parse_args()
    route_folder(arguments.folder, set(arguments.bad), RoutingSettings(mode="ocr" if arguments.ocr else "auto"))
