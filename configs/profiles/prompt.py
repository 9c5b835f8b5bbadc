"""A prompt in the settings: one that has a name, words to be located on each page, or a text of one's own.

markdown                        one of `NAMES`
locate: the total amount        the boxes of these words
prompts/receipts.txt            a file, whose content becomes the setting
Read the table. No comments.    a text
"""

import re
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from ocrmill.configs.errors import words_of

NAMES = ("markdown", "free_ocr", "ocr_lines", "figure", "describe")  # model_adapter/prompts.py has the words
LOCATE = "locate:"
MOST_BYTES = 2000  # of a text, so that the page and its answer have room beside it
_IMAGE_TOKEN = "<image>"  # noqa: S105 - of the authors' prompts; ours begin with it anyway
_NAME_OR_PATH = re.compile(r"[\w./\\~-]+", re.ASCII)


def read_prompt(value: object) -> object:
    """Return the name of a prompt of DeepSeek-OCR, or the content of the file that is named, or the text.

    Raises:
        ValueError: it is none of them.
    """
    if not isinstance(value, str) or value in NAMES:
        return value
    text = value if value.startswith(LOCATE) else text_or_file(value)
    if _NAME_OR_PATH.fullmatch(text.strip()):
        raise ValueError(
            f"there is no prompt {text}, and no such file; choose {', '.join(NAMES)}, `{LOCATE} WORDS`, a file, or "
            "write a text of several words"
        )
    return prompt_in_words(text)


def prompt_in_words(value: str) -> str:
    """Return the name of a prompt of DeepSeek-OCR, or the text. No file is read: anybody may have sent this.

    Raises:
        ValueError: it is neither.
    """
    if value in NAMES:
        return value
    if value.startswith(LOCATE):
        return f"{LOCATE} {sendable(value.removeprefix(LOCATE).strip())}"
    text = value.strip().removeprefix(_IMAGE_TOKEN).strip()
    if _IMAGE_TOKEN in text:
        raise ValueError(f"a prompt has one {_IMAGE_TOKEN}, at its beginning, and needs none")
    if _NAME_OR_PATH.fullmatch(text):
        raise ValueError(f"there is no prompt {text}: choose {', '.join(NAMES)}, or write a text of several words")
    return sendable(text)


def text_or_file(value: str) -> str:
    """Return the content of a file, if there is one of this name, else the text itself.

    Raises:
        ValueError: the file cannot be read, or the text cannot be sent.
    """
    if "\n" in value or not _is_file(Path(value)):
        return sendable(value)
    try:
        return sendable(Path(value).read_text(encoding="utf-8-sig").rstrip())
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{value}: {words_of(error)}") from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long a name
        return False


def sendable(text: str) -> str:
    """Return a text that a model can be asked, as it is.

    Raises:
        ValueError: it is empty or too long.
    """
    if not text.strip():
        raise ValueError("a prompt has words")
    if len(text.encode()) > MOST_BYTES:
        raise ValueError(f"a prompt has {MOST_BYTES:,} bytes at most, and this one has {len(text.encode()):,}")
    return text


Prompt = Annotated[str, BeforeValidator(read_prompt)]
OtherPrompt = Annotated[
    str | None, BeforeValidator(lambda value: text_or_file(value) if isinstance(value, str) else value)
]
