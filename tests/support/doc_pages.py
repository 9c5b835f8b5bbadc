"""The pages of the documentation, README among them, and their snippets."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {str(path.relative_to(ROOT)): path.read_text() for path in PAGES}


def fences(page: str, language: str) -> list[str]:
    """The snippets of a page in one language."""
    return re.findall(rf"^```(?-s:{language})\n(.*?)^```", TEXTS[page], re.MULTILINE | re.DOTALL)
