"""README, docs, docstrings, comments and messages are in plain English, as far as a program can tell.

Not covered: what a sentence means, if it is short, and the comments and strings of tests, which quote all sorts.
"""

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("cli.py", "ocrmill", "commands", "configs", "pipeline", "workers", "model_adapter", "bench", "samples")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
# A docstring begins with a verb or a noun phrase, not with a question or with a pronoun.
NO_BEGINNING = re.compile(r"(What|Whether|Where|Which|Who|Whose|When|How|Why|See|It|They|That|Those|The same)\b")
BANNED = {
    r"\bof which\b": "begin a new sentence, or use `with`",
    r"\bfor who\b": "say `for whoever`, or who it is",
    r"\b(is|are|was|were) told\b": "say who says what: `the message says`",
    r"\b(is|are|was|were|be) had\b": "say `is read`, `is available`",
    r"\banew\b": "say `again`",
    r"\botherwise[.;]": "say `differently`, or what else happens",
    r"\bas ever\b": "say `as usual`, `normally`",
    r"\bin no time\b|\bat once so\b": "say how long",
}
Docstring = tuple[str, str]  # where it is, and its text


def docstrings(path: Path) -> Iterator[Docstring]:
    """The docstrings of a file: of the module, its classes and functions."""
    tree = ast.parse(path.read_text())
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            yield f"{path.relative_to(ROOT)}:{getattr(node, 'name', 'module')}", text


def comments_and_strings(path: Path) -> Iterator[Docstring]:
    """The comments of a file, and its string literals."""
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type in {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}:
                yield f"{path.relative_to(ROOT)}:{token.start[0]}", token.string


def files(name: str) -> list[Path]:
    """The Python files below a folder, or the file itself."""
    path = ROOT / name
    found = [path] if path.is_file() else sorted(path.rglob("*.py"))
    return [each for each in found if name != "ocrmill" or (each.parent == path and not each.is_symlink())]


def complaints(text: str) -> list[str]:
    """List the banned phrases in a text, with what to say in their place."""
    words = " ".join(text.split())
    return [f"{found[0]!r}: {advice}" for rule, advice in BANNED.items() for found in re.finditer(rule, words)]


def prose(page: Path) -> str:
    """The text of a page without what other files write into it, code and tables of figures."""
    text = re.sub(r"<!-- (help|figures).*?<!-- (/help|end of figures) -->", "", page.read_text(), flags=re.DOTALL)
    return re.sub(r"`[^`\n]+`", "", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("name", [*FOLDERS, "tests"])
def test_docstrings_begin_with_a_verb_or_a_noun(name: str) -> None:
    """No docstring begins with a question word or a pronoun, or has a banned phrase."""
    found = [each for path in files(name) for each in docstrings(path)]

    assert found
    assert [where for where, text in found if NO_BEGINNING.match(text)] == []
    assert [(where, said) for where, text in found if (said := complaints(text))] == []


def test_every_test_states_its_rule() -> None:
    """A test has a docstring, which says what it proves."""
    found = [
        (str(path.relative_to(ROOT)), node)
        for path in files("tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]

    assert len(found) > 1000
    assert [(path, node.name) for path, node in found if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("name", sorted({*FOLDERS} - {"samples"}))  # which hold prose of others
def test_comments_and_messages_have_no_banned_phrase(name: str) -> None:
    """A comment or a message of the product has none of the phrases that readers stumble over."""
    found = [each for path in files(name) for each in comments_and_strings(path)]

    assert found
    assert [(where, said) for where, text in found if (said := complaints(text))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_have_no_banned_phrase(page: Path) -> None:
    """README, docs and the other pages at the top have none of the phrases that readers stumble over."""
    assert complaints(prose(page)) == []


@pytest.mark.parametrize(
    "text", ["Pages of\nwhich some fail.", "It is told so.", "Read it anew.", "Do it otherwise.", "It ends as ever."]
)
def test_the_check_can_fail(text: str) -> None:
    """A banned phrase is found, over a line break too."""
    assert complaints(text)
