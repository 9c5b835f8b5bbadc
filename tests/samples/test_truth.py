"""The ground truth of the samples is what its script writes."""

from pathlib import Path

from samples.truth import files, write_truth

TRUTH = Path(__file__).parents[2] / "samples/truth"


def test_the_truth_is_what_the_script_writes(tmp_path: Path) -> None:
    """Every file of samples/truth is written by samples/truth.py, and no other is there."""
    write_truth(tmp_path)
    written = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*.*")}

    assert written == {path.relative_to(TRUTH).as_posix(): path.read_text() for path in TRUTH.rglob("*.*")}
    assert len(written) == len(list(files()))
