"""Parts of the work as people write them."""

import pytest

from ocrmill.configs.errors import SettingsError
from ocrmill.configs.part import MachineShare, PageChoice


@pytest.mark.parametrize(
    ("text", "of_nine"),
    [
        ("1-10", set(range(1, 10))),
        ("1-3,7,9-", {1, 2, 3, 7, 9}),
        (" 2 , 2-3", {2, 3}),
        ("10-", set()),
        ("999999999", set()),
    ],
)
def test_pages_are_those_that_a_document_has(text: str, of_nine: set[int]) -> None:
    """Ranges have both ends in them and may overlap; what a document does not have is left out."""
    assert PageChoice.parse(text).of(9) == of_nine


@pytest.mark.parametrize("text", ["", "0", "0-3", "3-1", "-5", "1..3", "1,,2", "a", "1-2-3", "9" * 20])
def test_what_is_no_range_is_refused(text: str) -> None:
    """A page range that means nothing ends the command, and how to write one is said."""
    with pytest.raises(SettingsError, match="1-10 or 1-3,7,10-"):
        PageChoice.parse(text)


@pytest.mark.parametrize("text", ["", "0/4", "5/4", "1/0", "1", "a/b", "1/4/2", "-1/4"])
def test_what_is_no_share_is_refused(text: str) -> None:
    """A share that no machine has ends the command."""
    with pytest.raises(SettingsError, match="1/4, 2/4"):
        MachineShare.parse(text)


def test_a_share() -> None:
    """2/4 is the second of four."""
    assert MachineShare.parse("2/4") == MachineShare(2, 4)
