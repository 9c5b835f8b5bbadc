"""docs/troubleshooting.md quotes messages that the program has, and names every reason of a row."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from ocrmill.pipeline.records import Reason

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/troubleshooting.md").read_text()
MESSAGES, _, REASONS = PAGE.partition("\n## Reasons in rows\n")
QUOTED = re.findall(r"^\| `([^`]+)` \|", MESSAGES, re.MULTILINE)
GAP = "\N{HORIZONTAL ELLIPSIS}"


@cache
def said() -> list[str]:
    """Every text in the program, with a gap for each value that is put in."""
    texts = []
    for folder in ("commands", "configs", "model_adapter", "ocrmill", "pipeline", "workers"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.JoinedStr):
                    parts = [part.value if isinstance(part, ast.Constant) else GAP for part in node.values]
                    texts.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
    return texts


@pytest.mark.parametrize("message", QUOTED)
def test_every_message_is_one_of_ours(message: str) -> None:
    """The words between gaps stand in one text of the program, in their order."""
    pattern = re.compile(".*?".join(re.escape(part) for part in message.split(GAP)), re.DOTALL)

    assert max(len(part) for part in message.split(GAP)) >= 12, "too short to tell"
    assert any(pattern.search(text) for text in said()), message


def test_every_reason_has_an_answer() -> None:
    """Each reason that a row may have is in the table."""
    assert len(QUOTED) > 30
    assert not [reason for reason in Reason if f"`{reason}`" not in REASONS]
