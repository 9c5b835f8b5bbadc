"""Exports that Hugging Face's library reads, read by that library; and pairs for ms-swift."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from paired_output import COLOURS, TEXTS, write_documents
from PIL import Image

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.export import FORMATS
from ocrmill.commands.export.export_report import ExportReport
from ocrmill.commands.export.formats.ms_swift import IMAGE_TAG, TAGS
from ocrmill.pipeline.output.stores.local import LocalStore

PAIRS = ("trl", "ms-swift", "webdataset")
_LOAD = """
import json, sys
from pathlib import Path
from datasets import load_dataset
from PIL import Image, ImageStat

def colour(image):
    assert isinstance(image, Image.Image)
    return [round(value) for value in ImageStat.Stat(image.convert("RGB")).median]

folder = Path(sys.argv[1])
documents = load_dataset(str(folder / "documents"), split="train")
pages = load_dataset(str(folder / "pages"), split="train")
trl = load_dataset(str(folder / "trl"), split="train")
tars = load_dataset("webdataset", data_files=str(folder / "webdataset/*.tar"), split="train")
print(json.dumps({
    "documents": {row["source"]: [row["text"], row["pages"], row["added"].year] for row in documents},
    "pages": {row["id"]: [row["text"], row["flags"]] for row in pages},
    "trl": [[[colour(image) for image in row["images"]], row["messages"], row["page_number"]] for row in trl],
    "webdataset": [[colour(row["jpg"]), row["json"], row["__key__"], row["md"].decode()] for row in tars],
}))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return write_documents(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def folder(store: LocalStore) -> Path:
    return Path(store.url).parent


@pytest.fixture(scope="module")
def reports(store: LocalStore, folder: Path) -> dict[str, ExportReport]:
    """One export in each format, into folders of their names."""
    made = {name: FORMATS[name].write(store, folder / name, ExportOptions(flagged=True)) for name in PAIRS}
    made["documents"] = FORMATS["huggingface"].write(store, folder / "documents", ExportOptions())
    made["pages"] = FORMATS["huggingface"].write(store, folder / "pages", ExportOptions(per_page=True))
    return made


@pytest.fixture(scope="module")
def loaded(reports: dict[str, ExportReport], folder: Path) -> dict[str, Any]:
    cache = {"HF_HOME": str(folder / "cache"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, str(folder)],
        env={**os.environ, **cache},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def is_near(colour: list[int], page_number: int) -> bool:
    return all(abs(one - other) < 12 for one, other in zip(colour, COLOURS[page_number - 1], strict=True))


def test_load_dataset_reads_documents_and_pages(loaded: dict[str, Any]) -> None:
    """A row for each document or page, with the text of the rows and where each page is in it."""
    text, pages, year = next(row for source, row in loaded["documents"].items() if source.endswith("good.pdf"))

    assert [text[one["start"] : one["end"]] for one in pages] == [text or "" for text in TEXTS]
    assert pages[2]["flags"] == ["repetition", "long_run"]
    assert year >= 2000
    assert sorted(text for text, _ in loaded["pages"].values()) == sorted(
        [*(text for text in TEXTS if text is not None), "gone", "changed"]
    )


def test_trl_gets_the_picture_and_the_markdown_of_one_page(loaded: dict[str, Any]) -> None:
    """Each picture shows the page that its text is of; contents have a type, and no picture stands among them twice."""
    assert [number for _, _, number in loaded["trl"]] == [1, 2, 3, 6]
    for pictures, (asked, answer), number in loaded["trl"]:
        assert len(pictures) == 1
        assert is_near(pictures[0], number)
        assert asked["role"] == "user"
        assert [part["type"] for part in asked["content"]] == ["image", "text"]
        assert answer == {"role": "assistant", "content": [{"type": "text", "text": TEXTS[number - 1]}]}


def test_a_webdataset_has_a_sample_for_each_page(loaded: dict[str, Any], folder: Path) -> None:
    """Neighbours of one key are the picture, the Markdown and the facts of a page; keys have no dot."""
    assert [facts["page_number"] for _, facts, _, _ in loaded["webdataset"]] == [1, 2, 3, 6]
    for colour, facts, key, text in loaded["webdataset"]:
        assert is_near(colour, facts["page_number"])
        assert text == TEXTS[facts["page_number"] - 1]
        assert key == f"{facts['document_id']}-{facts['page_number']:05}"
    with tarfile.open(folder / "webdataset/shard-000000.tar") as tar:
        names = tar.getnames()
        assert {(each.mtime, each.uid, each.uname) for each in tar} == {(0, 0, "")}
    assert [name.partition(".")[2] for name in names] == ["jpg", "md", "json"] * 4


def test_ms_swift_gets_lines_and_pictures(reports: dict[str, ExportReport], folder: Path) -> None:
    """As many tags as pictures, each picture where its path says; a page that says a tag itself is left out."""
    lines = [json.loads(line) for line in (folder / "ms-swift/train.jsonl").read_text().splitlines()]

    assert [line["messages"][1]["content"] for line in lines] == TEXTS[:3]
    for number, line in enumerate(lines, 1):
        assert [message["role"] for message in line["messages"]] == ["user", "assistant"]
        assert line["messages"][0]["content"].startswith(IMAGE_TAG)
        assert sum(message["content"].count(tag) for message in line["messages"] for tag in TAGS) == 1
        with Image.open(folder / "ms-swift" / line["images"][0]) as image:
            assert is_near(list(image.convert("RGB").resize((1, 1)).getpixel((0, 0))), number)  # type: ignore[arg-type]
    assert reports["ms-swift"].with_tags == 1
    assert len(list((folder / "ms-swift/images").rglob("*.jpg"))) == 3


def test_a_source_that_is_gone_or_changed_gives_no_pair(reports: dict[str, ExportReport]) -> None:
    """Its pages are left out, with a line and a count, and never come with another version's picture."""
    for name in PAIRS:
        report = reports[name]
        said = report.to_text("x")
        assert report.without_picture.total() == 2
        assert all(f"{source}.pdf: its source is missing" in said for source in ("gone", "changed"))
        assert report.pages == 4 - (name == "ms-swift")
        assert report.without_text == 2
    assert "1 pages left out: their text has a tag that ms-swift reads as its own" in reports["ms-swift"].to_text("x")


def test_pages_with_flags_are_left_out_of_pairs_by_default(store: LocalStore, tmp_path: Path) -> None:
    """The summary says how many; tar files stay within their size, and again are the same bytes."""
    limit = tarfile.RECORDSIZE
    options = ExportOptions(shard_bytes=limit, where="source LIKE '%good.pdf'")
    report = FORMATS["webdataset"].write(store, tmp_path / "one", options)
    FORMATS["webdataset"].write(store, tmp_path / "two", options)
    tars = sorted((tmp_path / "one").glob("*.tar"))

    assert (report.flagged, report.pages) == (1, 3)
    assert "1 pages left out for their flags" in report.to_text("x")
    assert len(tars) > 1
    assert all(path.stat().st_size <= limit for path in tars)
    assert [path.read_bytes() for path in tars] == [
        path.read_bytes() for path in sorted((tmp_path / "two").glob("*.tar"))
    ]
    keys = []
    for path in tars:
        with tarfile.open(path) as tar:
            keys += tar.getnames()
    assert len(keys) == 3 * 3 == len(set(keys))
