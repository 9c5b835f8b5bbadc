"""Estimate what a run would do, from a sample: `ocrmill plan`."""

import asyncio
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import get_args

from tqdm import tqdm

from ocrmill.configs.settings import RouteMode, RunSettings, StorageSettings
from ocrmill.pipeline.output.journal import read_again
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.stores.open import open_store
from ocrmill.pipeline.records import Document, FailedPage, PageRange, PageResult, RenderedPage, Route, Source
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.run_progress import duration_text
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.pools.machine import usable_cores
from ocrmill.workers.pools.pool import Image, SerialPool
from ocrmill.workers.rendering.rasterizer import Rasterizer

SAMPLED_PAGES = 4  # of each sampled document, spread over it
SAMPLED_OCR_PAGES = 4  # read by the engine, to measure its speed
_SAY_EVERY_S = 10.0  # without a terminal
_SEED = 1  # so that the same listing gives the same sample


@dataclass(slots=True)
class RouteSample:
    """The pages of the sample as one setting of `routing.mode` reads them."""

    share: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))  # by route; weighted
    page_seconds: list[float] = field(default_factory=list)  # to open, inspect and render, a value for each page

    def part(self, route: str) -> float:
        """Return the share of the pages that take this route."""
        return self.share[route] / max(1e-9, sum(self.share.values()))


@dataclass(slots=True)
class Plan:
    """Estimate of a run. Totals count the whole listing; fields with `sample` in their name count the sample."""

    documents: int = 0
    bytes: int = 0
    known: int = 0
    files_skipped: int = 0
    sampled_documents: int = 0
    sampled_unreadable: Counter[str] = field(default_factory=Counter)
    sampled_pages: int = 0  # of the documents in the sample, read or not
    page_share: defaultdict[str, float] = field(
        default_factory=lambda: defaultdict(float)
    )  # by route reason; pages of the sample, weighted
    route_share: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    page_seconds: list[float] = field(default_factory=list)  # to open, inspect and render, a value for each page
    engine_seconds: list[float] = field(default_factory=list)
    routes: dict[RouteMode, RouteSample] = field(default_factory=dict)  # the chosen one too

    @property
    def pages(self) -> float:
        """Expected number of pages."""
        return self.documents * self.sampled_pages / max(1, self.sampled_documents)

    def expected(self, share: Mapping[str, float], name: str) -> float:
        """Expected number of pages of this route or reason."""
        return self.pages * share[name] / max(1e-9, sum(share.values()))

    @property
    def core_seconds(self) -> float:
        """Expected CPU time of the whole run on cores like these."""
        each = sum(self.page_seconds) / max(1, len(self.page_seconds))
        ocr = sum(self.engine_seconds) / max(1, len(self.engine_seconds))
        return self.pages * each + self.expected(self.route_share, Route.OCR) * ocr

    def core_seconds_with(self, route: RouteMode) -> float | None:
        """Expected CPU time of the whole run with this `routing.mode`; None without a time for pages of the engine."""
        sample = self.routes[route]
        to_read = sample.part(Route.OCR)
        if to_read and not self.engine_seconds:
            return None
        each = sum(sample.page_seconds) / max(1, len(sample.page_seconds))
        ocr = sum(self.engine_seconds) / max(1, len(self.engine_seconds))
        return self.pages * (each + to_read * ocr)

    def _route_line(self, route: RouteMode) -> str:
        sample = self.routes[route]
        parts = [f"{name} about {self.pages * sample.part(name):.0f}" for name in sorted(sample.share)]
        seconds = self.core_seconds_with(route)
        time = (
            "time unknown, no page was read by the engine"
            if seconds is None
            else f"{duration_text(seconds)} of one core"
        )
        return f"{', '.join(parts)}: {time}"

    def to_text(self) -> str:
        """The plan, for people."""
        cores = usable_cores()
        reasons = ", ".join(
            f"{name} about {self.expected(self.page_share, name):.0f}"
            for name, _ in sorted(self.page_share.items(), key=lambda item: -item[1])
        )
        unreadable = ", ".join(f"{name} {count}" for name, count in self.sampled_unreadable.most_common())
        lines = {
            "documents": f"{self.documents} to read ({self.bytes / 2**20:.1f} MiB), {self.known} done already",
            "passed over": f"{self.files_skipped} files that are not documents" if self.files_skipped else "",
            "sample": f"{self.sampled_documents} documents, {len(self.page_seconds)} pages inspected, "
            f"{len(self.engine_seconds)} read by the engine",
            "unreadable": f"in the sample: {unreadable}" if unreadable else "",
            "pages": f"about {self.pages:.0f}",
            "routes": reasons,
            "time": f"about {duration_text(self.core_seconds)} of one core, "
            f"{duration_text(self.core_seconds / cores)} on the {cores} cores here",
            **{f"with {route}": self._route_line(route) for route in self.routes},
        }
        return "".join(f"{name:12} {line}\n" for name, line in lines.items() if line)


def make_plan(inputs: Sequence[str], settings: RunSettings, *, output: str | None, sample: int) -> Plan:
    """List the inputs, open a sample of `sample` documents, and read a few of their pages. Progress goes to stderr.

    Raises:
        OcrmillError: if an input cannot be listed.
    """
    plan = Plan()
    discovery = Discovery(inputs, settings.input, settings.storage)
    chosen = _draw_sample(_unread_sources(discovery, output, settings.storage, plan), sample)
    plan.files_skipped = discovery.skipped.other_endings
    pool = SerialPool(settings)
    routes: tuple[RouteMode, ...] = get_args(RouteMode)
    plan.routes = {route: RouteSample() for route in routes}
    others = {route: pool.rasterizer_with_route(route) for route in routes if route != settings.routing.mode}
    try:
        asyncio.run(_sample_documents(_Sampler(pool, settings.routing.mode, others), chosen, plan))
    finally:
        for rasterizer in others.values():
            rasterizer.close()
        pool.close()
    return plan


@dataclass(frozen=True, slots=True)
class _Sampler:
    """The pool that reads the sample as the run would, and rasterizers that read it by the other routes."""

    pool: SerialPool
    route: RouteMode
    others: Mapping[RouteMode, Rasterizer]


def _unread_sources(discovery: Discovery, output: str | None, storage: StorageSettings, plan: Plan) -> Iterator[Source]:
    ledger = read_again(partial(read_ledger, open_store(output, storage))) if output is not None else None
    for source in discovery:
        if ledger is not None and ledger.forgotten.has_source(source.uri, source.version):
            continue
        if ledger is not None and ledger.knows_source(source.uri, source.version):
            plan.known += 1
            continue
        plan.documents += 1
        plan.bytes += source.bytes
        yield source


def _draw_sample(sources: Iterator[Source], size: int) -> list[Source]:
    """Draw `size` sources, each with the same chance, from a listing of unknown length (reservoir sampling)."""
    dice = random.Random(_SEED)  # noqa: S311 - a sample, not a secret
    chosen: list[Source] = []
    for seen, source in enumerate(sources):
        if seen < size:
            chosen.append(source)
        elif (place := dice.randrange(seen + 1)) < size:
            chosen[place] = source
    return chosen


async def _sample_documents(sampler: _Sampler, sources: list[Source], plan: Plan) -> None:
    every_s = 0.2 if sys.stderr.isatty() else _SAY_EVERY_S
    for source in tqdm(sources, "sample", unit="document", file=sys.stderr, mininterval=every_s, miniters=1):
        plan.sampled_documents += 1
        if source.reason is not None:
            plan.sampled_unreadable[source.reason] += 1
            continue
        opened = await sampler.pool.open(source)
        if isinstance(opened, Document):
            await _sample_pages(sampler, opened, plan)
        else:
            plan.sampled_unreadable[opened.reason] += 1


async def _sample_pages(sampler: _Sampler, document: Document, plan: Plan) -> None:
    plan.sampled_pages += document.page_count
    step = max(1, document.page_count // SAMPLED_PAGES)
    numbers = tuple(range(1, document.page_count + 1, step))[:SAMPLED_PAGES]
    weight = document.page_count / len(numbers)
    async for page in sampler.pool.read(PageRange(document, numbers)):
        result = page.page if isinstance(page, PageRow) else page[0]
        plan.page_seconds.append(result.render_ms / 1000)
        _count(result, plan.routes[sampler.route], weight)
        if isinstance(result, FailedPage):
            plan.page_share[result.reason] += weight
            plan.route_share["failed"] += weight
            continue
        plan.page_share[f"{result.decision.route} ({result.decision.reason})"] += weight
        plan.route_share[result.decision.route] += weight
        if not isinstance(page, PageRow) and len(plan.engine_seconds) < SAMPLED_OCR_PAGES:
            await _time_engine(sampler.pool, document, *page, plan)
    for route, rasterizer in sampler.others.items():
        await _sample_route(sampler.pool, rasterizer, document, numbers, plan, route)


async def _sample_route(
    pool: SerialPool, rasterizer: Rasterizer, document: Document, numbers: Sequence[int], plan: Plan, route: RouteMode
) -> None:
    """Read the same pages by another route. The engine is timed once, if it is one that runs on the cores here."""
    weight = document.page_count / len(numbers)
    for number in numbers:
        page = rasterizer.read(document, number)
        _count(page.page if isinstance(page, PageRow) else page[0], plan.routes[route], weight)
        if not isinstance(page, PageRow) and not plan.engine_seconds and pool.describe().takes_all_cores:
            await _time_engine(pool, document, *page, plan)


def _count(page: PageResult, sample: RouteSample, weight: float) -> None:
    sample.page_seconds.append(page.render_ms / 1000)
    sample.share["failed" if isinstance(page, FailedPage) else page.decision.route] += weight


async def _time_engine(pool: SerialPool, document: Document, page: RenderedPage, image: Image, plan: Plan) -> None:
    row = await pool.recognize(document, page, image)
    if row.engine_ms is not None:
        plan.engine_seconds.append(row.engine_ms / 1000)
