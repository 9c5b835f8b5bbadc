"""The tasks that both DeepSeek-OCR know, and the prompt for each.

The words are those of the models' authors, who document all of them for the first model, and `markdown` and `free_ocr`
for the second. No text ends in a blank: the authors' scripts strip it, and the model has never seen one.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

IMAGE_TOKEN = "<image>"  # noqa: S105
DEFAULT_PROMPT = "markdown"
LOCATE = "locate:"  # before the words that are to be found on a page; the answer has their boxes
FIGURE_PROMPT = "figure"

PROMPTS: Mapping[str, str] = MappingProxyType(
    {
        "markdown": "<|grounding|>Convert the document to markdown.",  # blocks, each with its label and its boxes
        "free_ocr": "Free OCR.",  # Markdown without boxes
        "ocr_lines": "<|grounding|>OCR this image.",  # lines of text, each with its box
        FIGURE_PROMPT: "Parse the figure.",  # a chart as an HTML table
        "describe": "Describe this image in detail.",
    }
)


_NAME = re.compile(r"\w+", re.ASCII)


def prompt_text(prompt: str = DEFAULT_PROMPT) -> str:
    """Return the prompt for one page: the image first, as in training, then a newline and the question.

    It has no BOS: the tokenizer adds it.

    Args:
        prompt: the name of one of `PROMPTS`, `locate: WORDS`, or a question of one's own, of several words.

    Raises:
        ValueError: there is no prompt of that name.
    """
    if prompt.startswith(LOCATE):
        question = f"Locate <|ref|>{prompt.removeprefix(LOCATE).strip()}<|/ref|> in the image."
    elif prompt not in PROMPTS and _NAME.fullmatch(prompt):
        raise ValueError(f"there is no prompt {prompt!r}; choose one of: {', '.join(PROMPTS)}")
    else:
        question = PROMPTS.get(prompt, prompt)
    return f"{IMAGE_TOKEN}\n{question}"


def asks_for_phrases(prompt: str) -> bool:
    """Tell if an answer has text, not kinds of regions, between `<|ref|>` and `<|/ref|>`."""
    return prompt == "ocr_lines" or "<|ref|>" in prompt_text(prompt)
