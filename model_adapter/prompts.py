"""The tasks that both DeepSeek-OCR know, and the prompt for each.

The words are those of the models' authors, who document all of them for the first model, and `markdown` and `free_ocr`
for the second. No text ends in a blank: the authors' scripts strip it, and the model has never seen one.
"""

from collections.abc import Mapping
from types import MappingProxyType

IMAGE_TOKEN = "<image>"  # noqa: S105
DEFAULT_PROMPT = "markdown"
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


def prompt_text(name: str = DEFAULT_PROMPT) -> str:
    """Return the prompt for one page: the image first, as in training, then a newline and the question.

    It has no BOS: the tokenizer adds it.

    Raises:
        ValueError: there is no prompt of that name.
    """
    if name not in PROMPTS:
        raise ValueError(f"there is no prompt {name!r}; choose one of: {', '.join(PROMPTS)}")
    return f"{IMAGE_TOKEN}\n{PROMPTS[name]}"
