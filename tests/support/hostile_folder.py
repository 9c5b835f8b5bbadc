"""A folder of documents, and of modules that our programs use: each leaves a mark if it is executed."""

from pathlib import Path

from pdfs import scan_pdf, text_pdf

MODULES = ("cli", "numpy", "pyarrow", "ray", "sitecustomize", "usercustomize", "typer", "pydantic", "multiprocessing")
PACKAGES = (
    "configs",
    "pipeline",
    "workers",
    "model_adapter",
    "commands",
    "ocrmill",
    "vllm",
    "torch",
    "rapidocr",
    "pymupdf",
)


def hostile_folder(folder: Path) -> Path:
    """Make such a folder, with two documents in `docs/`."""
    (folder / "docs").mkdir(parents=True)
    text_pdf(folder / "docs" / "text.pdf", pages=2)
    scan_pdf(folder / "docs" / "scan.pdf", dpi=72)
    for name in MODULES:
        (folder / f"{name}.py").write_text(_leaving_a_mark(folder, name))
    for name in PACKAGES:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(_leaving_a_mark(folder, name))
    return folder


def marks(folder: Path) -> list[str]:
    """The marks of modules that were executed."""
    return sorted(path.name for path in folder.glob("executed-*"))


def _leaving_a_mark(folder: Path, name: str) -> str:
    return f"open({str(folder / f'executed-{name}')!r}, 'w').close()\nraise ImportError('of the current folder')\n"
