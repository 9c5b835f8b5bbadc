"""The texts of two overlapping parts of a page are joined without a doubled and without a lost word."""

import random

import pytest

from ocrmill.pipeline.quality.seam import find_seam


def lines(drawn: random.Random, count: int) -> list[str]:
    return [
        " ".join("".join(drawn.choices("abcdefghij", k=drawn.randrange(2, 9))) for _ in range(9)) + drawn.choice(",.; ")
        for _ in range(count)
    ]


@pytest.mark.parametrize("misread", [0.0, 0.05])
@pytest.mark.parametrize("cut_through", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_texts_are_joined_as_they_were(seed: int, cut_through: bool, misread: float) -> None:
    """Also where a line is cut through, so that it is no words on one side, and where words are misread."""
    drawn = random.Random(seed)
    page = lines(drawn, 40)
    overlap = drawn.randrange(3, 9)
    start = 20 - overlap // 2

    def read(some: list[str], at: int) -> str:
        said = list(some)
        if cut_through:
            said[at] = "iiil lll"
        words = [line.split(" ") for line in said]
        return "\n".join(" ".join("zz" if drawn.random() < misread else word for word in line) for line in words)

    top, bottom = read(page[: start + overlap], -1), read(page[start:], 0)
    seam = find_seam(top, bottom, (overlap / (start + overlap), overlap / (40 - start)))

    assert seam is not None
    joined = (top[: seam.first_ends] + bottom[seam.second_starts :]).split("\n")
    assert len(joined) == 40
    same = [mine == true for mine, true in zip(joined, page, strict=True)]
    assert all(same) or misread


def test_texts_that_do_not_meet_have_no_seam() -> None:
    """Nothing in common; the lower part begins with the left one of two columns; the same line elsewhere."""
    drawn = random.Random(1)
    left, right = lines(drawn, 20), lines(drawn, 20)
    share = (0.25, 0.25)

    assert find_seam("\n".join(left), "\n".join(right), share) is None
    top, bottom = left[:12] + right[:12], left[8:] + right[8:]
    assert find_seam("\n".join(top), "\n".join(bottom), share) is None
    assert find_seam("", "", share) is None
    assert find_seam("a b c", "", share) is None
