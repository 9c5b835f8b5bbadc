"""Forgotten documents are not read again, by whatever way they are found."""

import shutil
from pathlib import Path

import pytest
from pdfs import text_pdf

from ocrmill.commands.forget import ForgetQuery, forget
from ocrmill.commands.inspect.query import PageQuery, select_pages
from ocrmill.commands.plan import make_plan
from ocrmill.commands.run import Job, run
from ocrmill.commands.status import read_status
from ocrmill.commands.verify import verify
from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.run_report import RunReport

SETTINGS = RunSettings(engine=EngineSettings(name="cpu"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two documents; one is to be forgotten."""
    (tmp_path / "in").mkdir()
    text_pdf(tmp_path / "in" / "secret.pdf", pages=2, text="A secret that nobody may read any more. " * 20)
    text_pdf(tmp_path / "in" / "kept.pdf", pages=1)
    return tmp_path


def night(folder: Path) -> RunReport:
    return run(Job((str(folder / "in"),), str(folder / "out"), SETTINGS, use_ray=False))


def held(folder: Path) -> list[str]:
    return sorted({Path(row.source).name for row in select_pages(LocalStore(folder / "out"), PageQuery())})


def test_a_forgotten_source_is_not_read_the_next_night(folder: Path) -> None:
    """Nor in a newer version; the report counts it, `plan` leaves it out, every command finds the output sound."""
    night(folder)
    store = LocalStore(folder / "out")
    forget(store, ForgetQuery(sources=(str(folder / "in" / "secret.pdf"),)), SETTINGS.storage)
    text_pdf(folder / "in" / "secret.pdf", pages=3, text="Another version of it. " * 20)

    report = night(folder)

    assert (report.sources_forgotten, report.pages.total(), held(folder)) == (1, 0, ["kept.pdf"])
    assert "were not read: `ocrmill forget` removed them" in report.to_text("out")
    assert read_status(store).unfinished_documents == 0
    assert verify(store, repair=False).findings == ()
    plan = make_plan([str(folder / "in")], SETTINGS, output=str(folder / "out"), sample=3)
    assert (plan.documents, plan.known) == (0, 1)


def test_the_bytes_of_a_forgotten_document_are_not_read_elsewhere(folder: Path) -> None:
    """A copy under another name is opened, recognized by its bytes, and left alone; no row names it."""
    night(folder)
    store = LocalStore(folder / "out")
    (row,) = {row.document_id for row in select_pages(store, PageQuery()) if "secret" in row.source}
    forget(store, ForgetQuery(documents=(row,)), SETTINGS.storage)
    shutil.copy(folder / "in" / "secret.pdf", folder / "in" / "copy.pdf")

    report = night(folder)

    assert (report.sources_forgotten, held(folder)) == (2, ["kept.pdf"])
    for text in (path.read_bytes() for path in (folder / "out").rglob("*.json")):
        assert b"copy.pdf" not in text
    assert verify(store, repair=False).findings == ()
    assert (folder / "out" / "README.md").read_text().startswith("---\n# ocrmill renews")
