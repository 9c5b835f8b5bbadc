"""Two texts are compared word by word, and nothing of either is lost."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ocrmill.commands.view.compare.word_difference import MOST_TOKENS, Piece, compare_words

texts = st.lists(
    st.sampled_from(["mill", "pond", "12.5", " ", "\n", "|", "水", "車", "の", "é", "\u0301"]), max_size=60
)


def sides(pieces: list[Piece]) -> tuple[str, str]:
    before = "".join(piece.text for piece in pieces if piece.kind != "new")
    return before, "".join(piece.text for piece in pieces if piece.kind != "gone")


@given(texts, texts)
@settings(max_examples=200)
def test_the_pieces_give_both_texts(before: list[str], after: list[str]) -> None:
    """Same and gone pieces are the first text, same and new ones the second; equal texts are one piece."""
    old, new = "".join(before), "".join(after)

    assert sides(compare_words(old, new)) == (old, new)
    assert [piece.kind for piece in compare_words(old, old)] == ["same"] * bool(old)


def test_a_word_differs_as_a_whole() -> None:
    """A changed letter marks its word and no more; a number's digits and its point stand apart."""
    found = compare_words("The mill ground 12.5 sacks.", "The mall ground 12.7 sacks.")

    assert [(piece.kind, piece.text) for piece in found if piece.kind != "same"] == [
        ("gone", "mill"),
        ("new", "mall"),
        ("gone", "5"),
        ("new", "7"),
    ]


def test_scripts_without_blanks_differ_by_characters() -> None:
    """Han and Kana are compared one by one: a line has no blanks to cut it at."""
    found = compare_words("水車の歴史", "水車と歴史")

    assert [(piece.kind, piece.text) for piece in found] == [
        ("same", "水車"),
        ("gone", "の"),
        ("new", "と"),
        ("same", "歴史"),
    ]


def test_long_texts_are_compared_by_lines() -> None:
    """A page of very many words is compared line by line, and still nothing of it is lost."""
    lines = [f"{number} sacks\n" for number in range(MOST_TOKENS // 2)]
    before, after = "".join(lines), "".join([*lines[:100], "other\n", *lines[101:]])
    found = compare_words(before, after)

    assert [(piece.kind, piece.text) for piece in found if piece.kind != "same"] == [
        ("gone", "100 sacks\n"),
        ("new", "other\n"),
    ]
    assert sides(found) == (before, after)
