"""A folder that an export writes appears whole, takes the place of none that is not its own, and says what is in it."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from written_outputs import add_document, page, writing

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.export import FORMATS, chosen_options
from ocrmill.commands.export.formats.dolma import export_dolma
from ocrmill.commands.export.formats.exported_folder import MADE
from ocrmill.commands.export.formats.shards import ParquetShard
from ocrmill.commands.export.places.new_file import new_file, new_folder, written_by_one
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import OutputError, UsageError
from ocrmill.pipeline.output.stores.local import LocalStore

FOLDERS = [name for name, each in FORMATS.items() if "overwrite" in each.takes]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    with writing(tmp_path / "out") as sink:
        add_document(sink, "/in/a.pdf", [page("a")])
    return LocalStore(tmp_path / "out")


@pytest.mark.parametrize("name", FOLDERS)
def test_somebodys_folder_is_not_written(store: LocalStore, tmp_path: Path, name: str) -> None:
    """Not into files of others, a file or a bucket; not over an export unless told."""
    mine, earlier, file = tmp_path / "mine", tmp_path / "earlier", tmp_path / "file"
    for folder, entry in ((mine, "notes.txt"), (earlier, MADE)):
        folder.mkdir()
        (folder / entry).write_text("mine")
    file.touch()

    for place, says in (
        (mine, "no export wrote"),
        (earlier, "--overwrite"),
        (file, "is a file"),
        ("s3://a/b", "s3://a/b is a URL"),
    ):
        with pytest.raises(UsageError, match=says):
            FORMATS[name].write(store, Path(place), ExportOptions())
    with pytest.raises(UsageError, match="no export wrote"):
        FORMATS[name].write(store, mine, ExportOptions(overwrite=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["earlier", "file", "mine", "out"]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("inside", ["pages", "documents/texts", "runs/a/b.jsonl"])
def test_the_folders_of_an_output_are_not_written(store: LocalStore, tmp_path: Path, name: str, inside: str) -> None:
    """Readers take every file in them for a shard; not even an output's own export may go there."""
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(UsageError, match="where an output has its own files"):
        FORMATS[name].write(store, tmp_path / "out" / inside, ExportOptions())
    assert sorted(tmp_path.rglob("*")) == before


def test_an_export_takes_the_place_of_an_earlier_one(store: LocalStore, tmp_path: Path) -> None:
    """With --overwrite nothing of the earlier folder is left; a link stays one; twice gives the same bytes."""
    link = tmp_path / "link"
    (tmp_path / "real").mkdir()
    link.symlink_to(tmp_path / "real")
    first = export_dolma(store, link)
    before = {path: path.read_bytes() for path in (tmp_path / "real").rglob("*") if path.is_file()}
    (tmp_path / "real/documents/left").touch()
    export_dolma(store, link, ExportOptions(overwrite=True))

    assert link.is_symlink()
    assert {path: path.read_bytes() for path in (tmp_path / "real").rglob("*") if path.is_file()} == before
    assert json.loads((link / MADE).read_text())["documents"] == first.documents == 1
    assert not list(tmp_path.glob(".*"))


def test_what_is_killed_is_no_export(store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is at the path before all is written; what a kill left beside it goes with the next export."""
    seen = []
    write = ParquetShard.close

    def look(shard: ParquetShard) -> None:
        seen.append((tmp_path / "data").exists())
        write(shard)

    monkeypatch.setattr(ParquetShard, "close", look)
    (tmp_path / ".ocrmill-data.tmp").mkdir()
    (tmp_path / ".ocrmill-data.tmp/half").touch()
    (tmp_path / ".ocrmill-data.old").mkdir()
    FORMATS["huggingface"].write(store, tmp_path / "data", ExportOptions())

    assert seen == [False]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["README.md", MADE, "data"]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", FORMATS)
def test_two_do_not_write_at_the_same_place(store: LocalStore, tmp_path: Path, name: str) -> None:
    """Of two exports at once the later one is refused and changes nothing; afterwards the place is free."""
    place = tmp_path / "place"
    writers: dict[str, Callable[[Path], AbstractContextManager[Any]]]
    writers = {"jsonl": new_file, "markdown": written_by_one}
    writing_there = writers.get(name, new_folder)
    if name == "markdown":
        place.mkdir()
    with writing_there(place):
        with pytest.raises(OutputError, match=r"another command is writing .*place: wait for its end"):
            FORMATS[name].write(store, place, ExportOptions())
        assert not place.is_dir() or not [*place.iterdir()]
    options = ExportOptions(overwrite=True)
    if writing_there is new_folder:
        (place / MADE).touch()
    FORMATS[name].write(store, place, options)

    assert place.is_file() or [*place.iterdir()]
    assert not list(tmp_path.glob(".*"))


def test_a_folder_that_cannot_be_replaced_is_refused_before_the_work(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mount, as a container's volume, cannot be renamed; the current folder would vanish below its shell."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for place, what in (("/proc", "a mount"), (".", "the current folder"), (tmp_path / "here", "the current folder")):
        with pytest.raises(UsageError, match=f"is {what}, which cannot be replaced .* name a folder in it"):
            export_dolma(store, Path(place))
    assert (tmp_path / "here").is_dir()


def test_an_export_that_fails_leaves_the_earlier_one(store: LocalStore, tmp_path: Path) -> None:
    """An output that cannot be read changes nothing at the destination."""
    export_dolma(store, tmp_path / "dolma")
    before = sorted(tmp_path.glob("dolma/**/*"))
    shard = Path(store.file(store.list("pages")[0]))
    shard.write_bytes(shard.read_bytes()[:100])

    with pytest.raises(OutputError, match="pages/"):
        export_dolma(store, tmp_path / "dolma", ExportOptions(overwrite=True))
    assert sorted(tmp_path.glob("dolma/**/*")) == before
    assert not list(tmp_path.glob(".*"))


def test_options_are_for_their_formats() -> None:
    """An option that a format does not take is refused, with the formats that take it."""
    for name, option in (("markdown", "compression"), ("trl", "continuous"), ("dolma", "instruction")):
        with pytest.raises(UsageError, match=f"--{option} does not go with --format {name}, but with: "):
            chosen_options(name, {option: "x"}, where=None, flagged=None, settings=RunSettings())
    given = {"per_page": True, "continuous": True}
    with pytest.raises(UsageError, match="--per-page goes without --continuous"):
        chosen_options("jsonl", given, where=None, flagged=None, settings=RunSettings())
    options = chosen_options(
        "dolma", {"shard_mb": 2, "no_furniture": True}, where="a", flagged=False, settings=RunSettings()
    )
    assert (options.shard_bytes, options.form.furniture, options.where, options.flagged) == (2 << 20, False, "a", False)
