"""A third engine is one module and one line in the registry."""

import importlib
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pdfs import scan_pdf

from ocrmill.commands.run import Job, run
from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.load import load_settings
from ocrmill.pipeline.errors import UsageError
from ocrmill.workers.engines import registry
from ocrmill.workers.engines.registry import EngineEntry, missing, with_engine_chosen

THIRD_ENGINE = '''
"""Writes the size of a page as often as its settings say."""

from ocrmill.configs.section import Settings
from ocrmill.pipeline.records import EngineDescription, PageText
from ocrmill.workers.engines.registry import own_settings


class SizeSettings(Settings):
    times: int = 1


class SizeEngine:
    def __init__(self, settings):
        self._settings = own_settings(settings, SizeSettings)

    def describe(self):
        return EngineDescription("size", slots=1, model="ruler")

    async def start(self, memory):
        pass

    async def read(self, image, geometry, params):
        return PageText(f"{geometry.width_pt:g} points wide. " * self._settings.times, finish_reason="stop")

    def idle_s(self):
        return 0.0

    async def close(self):
        pass
'''


@pytest.fixture
def third_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module on the import path and its line in the registry, and nothing else."""
    (tmp_path / "size_engine.py").write_text(THIRD_ENGINE)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    monkeypatch.setitem(registry.ENGINES, "size", EngineEntry("size_engine:SizeEngine"))
    monkeypatch.delitem(sys.modules, "size_engine", raising=False)


@pytest.mark.usefixtures("third_engine")
def test_a_third_engine_reads_a_page_by_its_own_settings(tmp_path: Path) -> None:
    """Its rows name it and its model, and its options change what it writes."""
    settings = load_settings([], ["engine.name=size", "engine.options=['times=2']"])
    scan = scan_pdf(tmp_path / "scan.pdf")
    report = run(Job((str(scan),), str(tmp_path / "out"), settings, use_ray=False))

    (row,) = pq.read_table(tmp_path / "out" / "pages").to_pylist()
    assert (0, "ok", "size", "ruler") == (report.exit_code, row["status"], row["engine"], row["model"])
    assert 2 == row["markdown"].count("points wide.")


@pytest.mark.usefixtures("third_engine")
def test_options_that_do_not_fit_are_refused() -> None:
    """A name that the engine's schema lacks, and a value that is none, end with a sentence that names them."""
    with pytest.raises(UsageError, match=r"engine.options of size: tmies: Extra inputs are not permitted"):
        registry.make_engine(EngineSettings(name="size", options=("tmies=2",)))
    with pytest.raises(UsageError, match=r"engine.options of size: times: Input should be a valid integer"):
        registry.make_engine(EngineSettings(name="size", options=("times=many",)))


def test_an_engine_that_is_not_registered_is_refused() -> None:
    """The sentence names it and those that there are."""
    with pytest.raises(UsageError, match="there is no engine 'third'; choose auto, deepseek-ocr2, cpu, endpoint"):
        with_engine_chosen(load_settings([], ["engine.name=third"]))


def test_options_that_nobody_sets_leave_the_fingerprint_of_older_outputs() -> None:
    """An output made before there were options can still be added to; with options, rows may differ."""
    plain, others = load_settings([], []), load_settings([], ["engine.options=['times=2']"])
    assert "options" not in plain.row_settings()["engine"]
    assert plain.fingerprint() != others.fingerprint()
    assert missing(EngineSettings(name="cpu")) == []
