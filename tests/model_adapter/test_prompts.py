"""The texts that the model is asked with."""

import pytest

from ocrmill.model_adapter.prompts import PROMPTS, asks_for_phrases, prompt_text


def test_the_image_comes_first() -> None:
    """Image, newline, question: what the model was trained with."""
    assert prompt_text() == prompt_text("markdown") == "<image>\n<|grounding|>Convert the document to markdown."
    assert prompt_text("free_ocr") == "<image>\nFree OCR."


def test_no_prompt_ends_in_a_blank() -> None:
    """The authors' scripts strip it, so that the model has never seen one."""
    assert all(text == text.strip() for text in PROMPTS.values())
    assert {"markdown", "free_ocr", "figure", "ocr_lines"} <= set(PROMPTS)


def test_an_unknown_prompt_is_refused_with_the_known_ones() -> None:
    """A typing error names what there is."""
    with pytest.raises(ValueError, match=r"no prompt 'markdwon'; choose one of: markdown, free_ocr, "):
        prompt_text("markdwon")


def test_a_question_of_ones_own_is_sent_as_it_is() -> None:
    """Words follow the image; those to be located come in the words of the model's authors."""
    assert prompt_text("Read the table. No comments.") == "<image>\nRead the table. No comments."
    assert prompt_text("locate: the total") == "<image>\nLocate <|ref|>the total<|/ref|> in the image."
    assert [name for name in (*PROMPTS, "locate: x", "Read it.") if asks_for_phrases(name)] == [
        "ocr_lines",
        "locate: x",
    ]
