"""The syllables of Vietnamese tell it, and only where its tone marks are lost."""

import unicodedata

import pytest

from ocrmill.pipeline.quality.signals.vietnamese import lacks_tone_marks

WRITTEN = (
    "Buổi sáng, bà cụ mang nước ra vườn tưới rau. Con mèo nằm ngủ trên mái nhà, còn lũ trẻ chạy ra bờ sông để câu cá. "
    "Cối xay gió quay chậm khi trời ít gió, người thợ xay ngồi đếm từng bao gạo mà các con trai ông đã vác lên đồi. "
    "Đêm xuống, trăng sáng soi khắp cánh đồng, tiếng dế kêu ran quanh nhà. Năm nay mưa thuận gió hòa nên lúa tốt, nhà "
    "nào cũng đủ ăn, không phải lo nghĩ gì nhiều."
)


def without_marks(text: str) -> str:
    """The text in bare letters, as a recognizer of Latin may write it."""
    kept = (letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return "".join(kept).replace("đ", "d").replace("Đ", "D")


def without_toned(text: str) -> str:
    """The text without the letters that have a tone, as the CPU engine writes it."""
    return "".join(letter for letter in text if not "\u1ea0" <= letter <= "\u1ef9")


@pytest.mark.parametrize("text", [without_marks(WRITTEN), without_toned(WRITTEN), without_marks(WRITTEN).upper()])
def test_lost_tones_are_found(text: str) -> None:
    """The letters without marks, the text without these letters, and capitals."""
    assert lacks_tone_marks(text)


@pytest.mark.parametrize(
    "text",
    [
        WRITTEN,
        unicodedata.normalize("NFC", WRITTEN).upper(),
        without_marks("Con mèo nằm ngủ trên mái nhà."),  # too short to tell
        "The king had been singing in the long night, and the young men who hung on his song went on and on. " * 4,
        "Ren min gong he guo de zhong yang zheng fu zai bei jing shi, ta de tu di he ren kou dou hen da. " * 4,
        "O galinheiro tinha uma galinha que punha um ninho na vinha, e a vizinha não tinha nenhum caminho. " * 4,
    ],
)
def test_other_texts_are_not_taken_for_it(text: str) -> None:
    """Vietnamese as it is written, English in `ng`, Chinese in Latin letters, Portuguese in `nh`."""
    assert not lacks_tone_marks(text)
