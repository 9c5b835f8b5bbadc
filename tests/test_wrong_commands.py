"""Commands that cannot be carried out: a line that says what is wrong, and an exit code."""

import sys
from pathlib import Path

import pytest

from ocrmill import cli

ROOT = Path(__file__).parents[1]
OLD = "tests/older_outputs/first_release"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["run", "nowhere.pdf", "--out", "{tmp}/out"], 2, "nowhere.pdf"),
        (["run", "--out", "{tmp}/out"], 2, "INPUT"),
        (["run", "samples"], 2, "--out"),
        (["run", "s3://bucket/a.pdf", "--out", "{tmp}/out"], 2, "s3://"),
        (["run", "samples", "--out", "{tmp}/out", "--set", "raster.dip=200"], 2, "raster.dpi"),
        (["run", "samples", "--out", "{tmp}/out", "--pages", "3-1"], 2, "1-3,7,10-"),
        (["run", "samples", "--out", "{tmp}/out", "--pages", ""], 2, "1-3,7,10-"),
        (["run", "samples", "--out", "{tmp}/out", "--shard", "4/3"], 2, "1/4, 2/4"),
        (["run", "samples", "--out", "{tmp}/out", "--time-budget", "soon"], 2, "6h"),
        (["run", "samples", "--out", "{tmp}/out", "--time-budget", "9" * 400], 2, "6h"),
        (["run", "samples", "--out", "{tmp}/out", "--time-budget", "6"], 2, "6 what? A number needs its unit"),
        (["run", "samples", "--out", "{tmp}/out", "--time-budget", "1h30"], 2, "30 what? A number needs its unit"),
        (["run", "samples", "--out", "{tmp}/out", "--workers", "0"], 2, "--workers"),
        (["run", "samples", "--out", "/proc/none/out", "--no-ray"], 1, "/proc"),
        (["run", "samples", "--out", ""], 2, "the output has no name"),
        (["run", "", "--out", "{tmp}/out"], 2, "an input has no name"),
        (["run", "samples", "--out", "cli.py"], 2, "cli.py is a file, and an output is a folder"),
        (["run", "samples", "--out", "cli.py/a/b"], 2, "cli.py is a file, and an output is a folder"),
        (["status", "cli.py"], 2, "cli.py is a file, and an output is a folder"),
        (["run", "samples", "--out", "https://host/out"], 2, "https://host/out"),
        (["run", "samples", "--out", "s3:/bucket/out"], 2, "s3:/bucket/out"),
        (["run", "samples", "--out", "{tmp}/caf\udce9"], 2, "caf\\xe9: name an output in UTF-8"),
        (["status", "{tmp}"], 1, "not an output"),
        (["export", "{tmp}", "{tmp}/texts"], 1, "not an output"),
        (["export", "{tmp}", "{tmp}/a.jsonl", "--format", "jsonl", "--figures"], 2, "--figures does not go with"),
        (["model", "seed", "samples"], 2, "not empty"),
        (["eval", OLD, "{tmp}/truth.json"], 2, "truth.json cannot be read: No such file or directory"),
        (["eval", OLD, "{tmp}/truth.jsonl"], 2, "truth.jsonl cannot be read: No such file or directory"),
        (["serve", "--token-file", "{tmp}/token"], 2, "token cannot be read: No such file or directory"),
        (["view", OLD, "--verdicts", "{tmp}/no/file"], 2, "no is not a folder: make it first"),
        (
            ["run", "samples", "-o", "{tmp}/o", "--url", "http://h/v1", "--profile", "olm"],
            2,
            "no such file; ocrmill brings",
        ),
        (["model", "seed", "/proc/none/model"], 1, "/proc"),
    ],
)
def test_mistakes_get_one_line_and_their_exit_code(
    tmp_path: Path,
    arguments: list[str],
    code: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A wrong command says what is wrong with what, without a traceback.

    In this process, where an exception that nobody catches comes out of `main`: a new one for each takes a second.
    """
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "argv", ["ocrmill", *(argument.format(tmp=tmp_path) for argument in arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capfd.readouterr().err

    assert ended.value.code == code, told
    assert says in told
    assert "Traceback" not in told
    assert "[Errno" not in told  # a number says nothing to people, and the message names the file itself
