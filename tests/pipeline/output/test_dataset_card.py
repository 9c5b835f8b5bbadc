"""An output is a dataset of Hugging Face's library, read by that library."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from written_outputs import add_document, add_failed_document, page, writing

from ocrmill.commands.compact import compact
from ocrmill.commands.forget import ForgetQuery, forget
from ocrmill.commands.verify import verify
from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.output.dataset_card import CARD, RENEWED, write_dataset_card
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.open import open_output

_LOAD = """
import json, sys
from datasets import load_dataset
found = {}
for config in (None, "pages", "documents", "sources"):
    table = load_dataset(sys.argv[1], config, split="train")
    column = "markdown" if config in (None, "pages") else "source"
    found[str(config)] = [len(table), sorted(table[column])]
print(json.dumps(found))
"""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Three nights; in one of them a document changed."""
    for run in (1, 2, 3):
        with writing(tmp_path / "out", run=run) as sink:
            add_document(sink, f"/in/{run}.pdf", [page(f"{run} one"), page(f"{run} two", flags=("truncated",))])
            add_document(sink, "/in/a.pdf", [page(f"a {run}")], content=f"a{run}", version=str(run))
            add_failed_document(sink, f"/in/locked{run}.pdf")
    return tmp_path / "out"


def loaded(out: Path, cache: Path) -> dict[str, Any]:
    environment = {**os.environ, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, str(out)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.skipif(find_spec("datasets") is None, reason="the library `datasets` is not installed")
def test_load_dataset_reads_an_output(out: Path, tmp_path: Path) -> None:
    """After nights, after `compact` and after `forget`, each table is a configuration; pages is the first one.

    A shard that has lost all of its rows is no obstacle.
    """
    store = LocalStore(out)
    with writing(out, run=4) as sink:
        add_document(sink, "/in/gone.pdf", [page("gone")])
    forget(store, ForgetQuery(sources=("/in/gone.pdf",)), StorageSettings())
    assert [pq.read_metadata(out / name).num_rows for name in store.list("pages")][-1] == 0
    write_dataset_card(store)
    first = loaded(out, tmp_path / "cache1")
    assert [first[name][0] for name in ("None", "pages", "documents", "sources")] == [9, 9, 9, 9]
    assert "2 two" in first["None"][1]

    compact(store)
    assert loaded(out, tmp_path / "cache2")["pages"][1] == sorted(
        [f"{run} {which}" for run in (1, 2, 3) for which in ("one", "two")] + ["a 3"]
    )
    oldest = out / store.list("pages")[0]
    pq.write_table(pq.read_table(oldest).drop_columns(["figures", "features"]), oldest)  # as an older version wrote it
    forget(store, ForgetQuery(sources=("/in/1.pdf",)), StorageSettings())
    assert "1 one" not in loaded(out, tmp_path / "cache3")["pages"][1]


def test_a_card_that_was_changed_is_kept(out: Path) -> None:
    """The header follows the columns of this version, the text below stays; so does a header of one's own."""
    store = LocalStore(out)
    write_dataset_card(store)
    card = (out / CARD).read_text()
    (out / CARD).write_text(card.replace("- name: markdown\n", "- name: of_an_older_version\n") + "My own text.")
    write_dataset_card(store)
    assert (out / CARD).read_text() == card + "My own text."
    for own in (card.replace(RENEWED, "license: mit"), "no header"):
        (out / CARD).write_text(own)
        write_dataset_card(store)
        assert (out / CARD).read_text() == own
    assert verify(store, repair=False).findings == ()
    assert open_output(str(out), StorageSettings()).list("pages")
