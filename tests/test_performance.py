"""docs/performance.md has the rows that `make bench` writes, and each bench's output has its figures."""

import pytest

from bench.figures import FIGURES
from bench.measure import TABLE, with_results

TEXT = TABLE.read_text(encoding="utf-8")
# The ends of real outputs.
OUTPUTS = {
    "sandbox": "start: with over without 1.00 (0.88 to 1.03)\npage: with over without 1.03 (0.88 to 1.13)\n",
    "startup": "--help: 0.09 s (0.09 to 0.10)\nrun, 10000 documents done: 0.95 s (0.93 to 0.99)\n",
    "repetition": "791 pages with text, 2483 characters\n"
    "all loops that end by themselves                     7200    99.31%    50.00%\n"
    "all hard negatives                                   4600     0.02%    50.00%\n"
    "flagged for repetition, finish_reason stop: 0 of 791 ordinary pages\n",
    "coordinator": "".join(
        f"{engines} engines: efficiency {share} (0.960 to 0.990), {rate} pages/s, coordinator 1.35 ms CPU a page "
        "(3.30 with Ray's threads), object store at most 12 MiB\n"
        for engines, share, rate in ((1, "0.980", 60), (2, "0.970", 118), (4, "0.750", 212))
    ),
}
RESULTS = {
    "sandbox": ["1.00 (0.88 to 1.03); 1.03 (0.88 to 1.13)"],
    "startup": ["0.09 s", "0.95 s"],
    "repetition": ["0 of 791", "99.31%; 0.02%"],
    "coordinator": [
        "1.35 / 1.35 / 1.35 ms (3.30 / 3.30 / 3.30 ms)",
        "0.980 / 0.970 / 0.750; 60 / 118 / 212 pages/s",
    ],
}


def test_the_table_is_what_make_bench_writes() -> None:
    """Rows, commands and marks are those of bench/figures.py; results are kept where nothing was measured."""
    assert with_results(TEXT, {}) == TEXT


def test_a_result_changes_its_row_and_no_other() -> None:
    """A measurement writes result, day and machine of its own row."""
    what = FIGURES[3].what
    changed = with_results(TEXT, {what: ("0.5 of it", "2026-01-31, a machine, 4 cores")})
    before, after = TEXT.splitlines(), changed.splitlines()
    differing = [new for old, new in zip(before, after, strict=True) if old != new]

    assert differing == [f"| {what} | 0.5 of it | 2026-01-31, a machine, 4 cores | {FIGURES[3].shown_command} |"]


@pytest.mark.parametrize("name", OUTPUTS)
def test_figures_are_read_from_an_output(name: str) -> None:
    """The figures of a bench are found in what it prints."""
    figures = [figure for figure in FIGURES if figure.command[0] == name and "--scale" not in figure.command]

    assert [figure.read(OUTPUTS[name]) for figure in figures] == RESULTS[name]


def test_an_output_without_the_figure_is_an_error() -> None:
    """A bench that prints something else does not leave an empty cell."""
    with pytest.raises(ValueError, match="has no line like"):
        FIGURES[0].read("nothing of the kind\n")


def test_rows_have_names_of_their_own() -> None:
    """A row is found by what it measures."""
    names = [figure.what for figure in FIGURES]

    assert len(set(names)) == len(names)
    assert not [name for name in names if "|" in name]
