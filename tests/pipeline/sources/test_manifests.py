"""Manifests: every name in them is looked for, and told if it leads nowhere."""

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from found_sources import SETTINGS, STORAGE, below, drain, found, harmless, write, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrmill.pipeline.errors import InputError
from ocrmill.pipeline.records import Reason
from ocrmill.pipeline.sources.discovery import Discovery


def test_a_text_manifest(tmp_path: Path) -> None:
    """Lines are relative to the manifest; comments and blank lines are passed over; a line to nowhere is a row."""
    write(tmp_path, "m/a.pdf", "m/caf\u00e9 1.pdf", "other/b.pdf", "other/c.pdf", "m/inner.txt")
    zipped(tmp_path / "m" / "z.zip", "p.pdf", "q.pdf")
    lines = ["\ufeff# mine", "", "a.pdf", "  caf\u00e9 1.pdf  ", "../other", f"{tmp_path}/m/a.pdf", "z.zip!q.pdf"]
    lines += ["none.pdf", "s3://bucket/x.pdf", "z.zip!none.pdf", "gone.zip!x.pdf", "*.png", "inner.txt"]
    (tmp_path / "m" / "list.txt").write_text("\r\n".join(lines), encoding="utf-8")
    discovery = Discovery([f"{tmp_path}/m/list.txt"], SETTINGS, STORAGE)
    sources = list(discovery)

    good = ["m/a.pdf", "m/caf\u00e9 1.pdf", "other/b.pdf", "other/c.pdf", "m/z.zip!q.pdf"]
    bad = ["m/none.pdf", "s3://bucket/x.pdf", "m/z.zip!none.pdf", "m/gone.zip!x.pdf", "m/*.png"]
    assert [*good, *bad, "m/inner.txt"] == below(tmp_path, sources)
    assert [Reason.UNREADABLE] * 5 == [source.reason for source in sources[5:10]]
    assert all(source.detail for source in sources[5:10])
    assert 1 == discovery.skipped.repeated


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
@pytest.mark.parametrize("column", ["source", "path", "anything"])
def test_a_parquet_manifest(tmp_path: Path, kind: pa.DataType, column: str) -> None:
    """The column `source`, else `path`, else the only one of text is read; empty rows are passed over."""
    write(tmp_path, "a.pdf", "b.pdf")
    rows = pa.array(["a.pdf", None, "", f"{tmp_path}/b.pdf", "none.pdf"]).cast(kind)
    others = {"source": {"path": ["x"] * 5}, "path": {"other": ["x"] * 5}, "anything": {}}[column]
    pq.write_table(pa.table({"pages": range(5), **others, column: rows}), tmp_path / "m.parquet")
    sources = found([tmp_path / "m.parquet"])

    assert ["a.pdf", "b.pdf", "none.pdf"] == below(tmp_path, sources)
    assert [None, None, Reason.UNREADABLE] == [source.reason for source in sources]


def test_a_parquet_manifest_without_a_clear_column_is_refused(tmp_path: Path) -> None:
    """With several text columns of other names the error says which there are."""
    pq.write_table(pa.table({"one": ["x"], "two": ["y"]}), tmp_path / "m.parquet")

    with pytest.raises(InputError, match="it has one, two"):
        Discovery([f"{tmp_path}/m.parquet"], SETTINGS, STORAGE)


lines = st.one_of(st.text(st.sampled_from("abz/.*?[]!#\\x0 \t\u8ad6:"), max_size=30), st.text(max_size=20)).filter(
    lambda line: harmless(line.encode())
)


@settings(max_examples=150)
@given(st.lists(lines, max_size=8), st.sampled_from(["txt", "parquet"]))
def test_no_line_makes_a_manifest_raise_anything_else(entries: list[str], kind: str) -> None:
    """Whatever stands in a manifest, each line is looked for or reported."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"m.{kind}")
        if kind == "parquet":
            pq.write_table(pa.table({"path": pa.array(entries, pa.string())}), path)
        else:
            path.write_text("\n".join(entries), encoding="utf-8")
        drain(path)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), min_size=1, max_size=4))
def test_no_damage_makes_a_parquet_manifest_raise_anything_else(changes: list[tuple[float, bytes]]) -> None:
    """A Parquet manifest with some bytes changed gives sources or one of our errors."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.parquet")
        pq.write_table(pa.table({"source": [f"{number}.pdf" for number in range(50)]}), path)
        raw = bytearray(path.read_bytes())
        for share, change in changes:
            at = int(share * len(raw))
            raw[at : at + len(change)] = change
        path.write_bytes(raw)
        drain(path)
