"""The file of verdicts, and the precision of flags that comes of it."""

from pathlib import Path
from typing import Any

import pytest
from narrowed import present
from typer.testing import CliRunner

from ocrmill.cli import app
from ocrmill.commands.eval.verdicts import (
    Verdict,
    VerdictFile,
    VerdictKind,
    flag_precision,
    verdicts_beside,
    verdicts_text,
)
from ocrmill.pipeline.errors import InputError
from ocrmill.pipeline.output.stores.local import LocalStore

RIGHT, WRONG, TEXT, UNDONE = VerdictKind


def row(page: int, *flags: str, reason: str | None = None) -> dict[str, Any]:
    names = {"document_id": "d", "run_id": "r", "source": "/in/\u202ea.pdf", "status": "ok"}
    return {**names, "page_number": page, "flags": list(flags), "reason": reason}


def given(path: Path, *verdicts: tuple[dict[str, Any], VerdictKind]) -> Path:
    for about, kind in verdicts:
        VerdictFile(path).add(Verdict.of(about, kind))
    return path


def test_the_last_verdict_of_a_page_counts_and_can_be_undone(tmp_path: Path) -> None:
    """The last line on a page of a run counts, an undone one is none, and no line is taken out."""
    one, two = row(1, "repetition"), row(2, "repetition")
    path = given(tmp_path / "v.jsonl", (one, RIGHT), (one, WRONG), (two, RIGHT), (two, UNDONE))
    found = VerdictFile(path).read()
    assert [(each.page, each.verdict) for each in found] == [(("d", 1, "r"), WRONG)]
    assert path.read_text().count("\n") == 4  # nothing is taken out
    assert found[0].source == "/in/\u202ea.pdf"


def test_a_verdict_is_on_all_flags_of_its_page_and_on_its_reason(tmp_path: Path) -> None:
    """Each flag and the reason of a page are counted by the page's verdict; Wilson's interval is given."""
    pages = [(row(n, "repetition", "truncated"), RIGHT) for n in range(3)]
    path = given(tmp_path / "v", *pages, (row(9, "repetition", reason="repetition"), WRONG), (row(10), TEXT))
    by_flag = {each.flag: each for each in flag_precision(VerdictFile(path).read())}
    assert (by_flag["repetition"].right, by_flag["repetition"].wrong) == (3, 1)
    assert by_flag["truncated"].precision == 1
    text = verdicts_text(path)
    assert "repetition: right on 3 of 4 pages, 75.0% (30.1% to 95.4% with 95 % confidence)" in text
    assert "text wrong: 1 pages, 1 of them without a flag" in text


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    """A line that is no verdict is an error with its number."""
    path = given(tmp_path / "v", (row(1), TEXT))
    path.write_text(path.read_text() + '{"verdict": "maybe"}\n')
    with pytest.raises(InputError, match="line 2: no verdict"):
        VerdictFile(path).read()


def test_each_look_reads_what_was_added(tmp_path: Path) -> None:
    """A file that is kept open sees lines that other processes add, with or without a newline, and its replacement."""
    path = tmp_path / "v"
    file = VerdictFile(path)
    assert file.find("d", 1, "r") is None
    given(path, (row(1), TEXT), (row(2), TEXT))
    assert [present(file.find("d", page, "r")).verdict for page in (1, 2)] == [TEXT, TEXT]

    given(path, (row(1), UNDONE))
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    assert (file.find("d", 1, "r"), present(file.find("d", 2, "r")).verdict) == (None, TEXT)
    given(path.with_name("new"), (row(1, "repetition"), RIGHT)).replace(path)
    assert (present(file.find("d", 1, "r")).verdict, file.find("d", 2, "r")) == (RIGHT, None)
    path.write_bytes(b"")
    assert file.read() == []


def test_the_file_stands_beside_the_folder(tmp_path: Path) -> None:
    """The default file has the name of the folder and stands next to it."""
    assert verdicts_beside(LocalStore(tmp_path / "out")) == tmp_path / "out.verdicts.jsonl"


def test_eval_reads_it(tmp_path: Path) -> None:
    """`eval --verdicts` prints the precision; without it a truth is needed."""
    (tmp_path / "out" / "pages").mkdir(parents=True)
    path = given(tmp_path / "v", (row(1, "truncated"), RIGHT))
    shown = CliRunner().invoke(app, ["eval", str(tmp_path / "out"), "--verdicts", str(path)])
    assert shown.exit_code == 0
    assert "truncated: right on 1 of 1 pages" in shown.output
    neither = CliRunner().invoke(app, ["eval", str(tmp_path / "out")])
    assert neither.exit_code == 2
