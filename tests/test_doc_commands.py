"""Each `ocrmill` line of README and docs works, in the order of its page, or the test that runs it is named.

Changed are names of places alone: a server, a bucket's, folders outside the home. Workers are in this process.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from doc_pages import TEXTS, fences
from model_server import Say, serving_model
from pdfs import encrypted_pdf, text_pdf
from s3_server import S3Server
from typer.testing import CliRunner

from ocrmill.cli import app

ROOT = Path(__file__).parents[1]
# What is not run here, by how the line begins on that page: the test that runs it, or why none can.
ELSEWHERE = {
    "README.md": {
        "run ~/papers --out ~/papers-out --engine deepseek-ocr2": "no weights, no GPU",
        "run ~/papers --out ~/papers-out --url": "tests/test_doc_commands.py",  # as a line of docs/endpoint.md
        "view": "tests/commands/view/test_browser.py",
    },
    "docs/endpoint.md": {},
    "docs/engines.md": {
        "run ~/papers --out ~/papers-out --engine deepseek-ocr2": "no weights, no GPU",
        "run ~/papers --out ~/papers-out --engine transformers": "tests/workers/engines/transformers/test_engine.py",
        "model seed": "tests/model_adapter/checkpoint/test_seeded.py",
        "run samples": "tests/workers/engines/deepseek_ocr2/test_engine.py",
        "run ~/papers --out ~/papers-out --engine program": "tests/workers/engines/test_plugins.py",
    },
    "docs/evaluation.md": {"": "tests/commands/eval/test_evaluate.py"},
    "docs/export.md": {"": "tests/test_doc_snippets.py"},
    "docs/model.md": {"model seed": "tests/model_adapter/checkpoint/test_seeded.py"},
    "docs/operations.md": {"run /shared/pdfs": "tests/workers/pools/test_ray_cluster.py"},
    "docs/repetition.md": {},
    "docs/report.md": {},
    "docs/sizing.md": {},
    "docs/tutorial.md": {"view": "tests/commands/view/test_browser.py"},
    "docs/view.md": {"view": "tests/commands/view/test_browser.py"},
}
MINE = '[input]\npasswords = ["open sesame"]\n'


def commands_of(page: str) -> list[str]:
    """The `ocrmill` lines of a page, as they stand there; the help of the commands is not of this kind."""
    return re.findall(r"^(?:\.venv/bin/)?ocrmill (.*?)(?:\s+#.*)?$", "\n".join(fences(page, ".*")), re.MULTILINE)


def place_of(page: str, command: str) -> str | None:
    """Return where a command is run if not here; the longest beginning counts."""
    begins = [each for each in ELSEWHERE[page] if command.startswith(each)]
    return ELSEWHERE[page][max(begins, key=len)] if begins else None


PAGES = [page for page in TEXTS if page != "docs/commands.md" and commands_of(page)]
RUN_HERE = [page for page in PAGES if any(place_of(page, command) is None for command in commands_of(page))]


@pytest.fixture
def home(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A home with a few papers, which is the current folder, two buckets, a model server; what stands for what."""
    papers = tmp_path / "papers"
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    papers.mkdir()
    (tmp_path / "2026").mkdir()
    text_pdf(papers / "report.pdf", pages=3)
    text_pdf(papers / "letter.pdf", pages=1, text="Dear reader, this letter is to be forgotten.")
    encrypted_pdf(papers / "locked.pdf", "open sesame")
    (tmp_path / "mine.toml").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    incoming, corpus = s3.bucket(), s3.bucket()
    for key in ("a.pdf", "2026/b.pdf"):
        s3.put(incoming, key, (papers / "letter.pdf").read_bytes())
    with serving_model(lambda _: Say("A page.")) as model:
        yield {
            "http://gpu1:8000/v1": f"{model.url} --set engine.endpoint.check_page=false",
            "s3://incoming": f"s3://{incoming}",
            "s3://corpus": f"s3://{corpus}",
            "/mnt/papers": str(papers),
            "/data/": f"{tmp_path}/data/",
            "~/": f"{tmp_path}/",
        }


def test_each_command_has_its_place() -> None:
    """A new page or line is run here, unless it names a test that is there."""
    assert set(PAGES) == ELSEWHERE.keys()
    for page, named in ELSEWHERE.items():
        for begin, where in named.items():
            assert any(command.startswith(begin) for command in commands_of(page)), (page, begin)
            assert not where.startswith("tests/") or (ROOT / where).exists(), where


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_HERE)
def test_commands_of_a_page_work(page: str, home: dict[str, str]) -> None:
    """Each ends with 0, or with 3 where documents cannot be read; a page that works on an output is given one."""
    lines = [command for command in commands_of(page) if place_of(page, command) is None]
    if not any(line.startswith("run ~/papers --out ~/papers-out") for line in lines):
        lines.insert(0, "run ~/papers --out papers-out")
    if page == "docs/tutorial.md":
        lines.insert(0, "run samples/messages.pdf samples/damaged.pdf --out out")  # `make demo`, in short
    for line in lines:
        command = line
        for name, here in home.items():
            command = command.replace(name, here)
        if line.startswith("forget papers-out --document"):
            command = command.replace("9f2c41d7", str(pq.read_table("papers-out/pages")["document_id"][0])[:8])
        if line.endswith("--gone"):
            Path("papers/report.pdf").unlink()
        more = ["--no-ray"] if line.startswith(("run ", "retry ")) else []
        done = CliRunner().invoke(app, [*shlex.split(command), *more])

        assert done.exit_code in (0, 3), (line, done.output, done.exception)
    for snippet in fences(page, "python"):
        exec(compile(snippet, page, "exec"), {})
