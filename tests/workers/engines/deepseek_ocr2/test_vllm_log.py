"""The output of vLLM's processes is kept, and read when one of them has died."""

import os
import pickle
import subprocess
import sys

import pytest

from ocrmill.workers.engines.deepseek_ocr2.vllm_log import VllmLog


def test_children_write_into_it(capfd: pytest.CaptureFixture[str]) -> None:
    """Output of a child that is started meanwhile goes there, ours before and after does not."""
    log = VllmLog()
    os.write(1, b"before\n")
    with log.written_by_children():
        subprocess.run([sys.executable, "-c", "raise ValueError('no weights')"], check=False)
    os.write(1, b"after\n")

    assert log.cause() == "ValueError: no weights"
    assert capfd.readouterr().out == "before\nafter\n"
    log.close()


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (
            "(EngineCore pid=7) ERROR 11-22 06:14:46 [core.py:1051] torch.OutOfMemoryError: CUDA out of memory. Tried",
            "torch.OutOfMemoryError: CUDA out of memory. Tried",
        ),
        ("ValueError: a tensor is missing", "ValueError: a tensor is missing"),
        (
            "ValueError: a tensor is missing\nException: WorkerProc failed. See stack trace for root cause.",
            "ValueError: a tensor is missing",
        ),
        ("INFO 11-22 [core.py:1] all is well", None),
        ("", None),
    ],
)
def test_the_last_exception_is_the_cause(line: str, cause: str | None) -> None:
    """With vLLM's prefix or without."""
    log = VllmLog()
    with log.written_by_children():
        os.write(2, f"KeyError: handled long ago\n{line}\n".encode() if cause else f"{line}\n".encode())

    assert log.cause() == cause
    log.close()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory.", True),
        ("RuntimeError: [enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory", True),
        ("terminate called after throwing an instance of 'std::bad_alloc'", True),
        ("RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("ValueError: a page too many", False),
    ],
)
def test_running_out_of_memory_is_known(line: str, expected: bool) -> None:
    """On the GPU and off it."""
    log = VllmLog()
    with log.written_by_children():
        os.write(2, f"{line}\n".encode())

    assert log.is_out_of_memory() is expected
    log.close()


def test_an_engine_that_is_not_started_can_travel() -> None:
    """Ray sends it to its process; the log is opened there."""
    log = pickle.loads(pickle.dumps(VllmLog()))

    assert log.cause() is None
