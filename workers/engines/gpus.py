"""The GPUs of this machine, as NVIDIA's driver reports them to a child process: torch would take seconds to import."""

import json
import subprocess
import sys
from dataclasses import dataclass

DRIVER_ANSWER_S = 60.0  # without NVIDIA's persistence daemon a driver takes seconds for each GPU

# Prints the driver's CUDA version (13000 is 13.0) and each GPU's compute capability, name and bytes of memory, or an
# error's number. The driver itself follows CUDA_VISIBLE_DEVICES and MIG.
_PROGRAM = """
import ctypes, json
cuda = ctypes.CDLL("libcuda.so.1")
version, count, value = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
error = cuda.cuInit(0)
cuda.cuDriverGetVersion(ctypes.byref(version))
memory, name = ctypes.c_size_t(), ctypes.create_string_buffer(128)
gpus = []
if not error:
    error = cuda.cuDeviceGetCount(ctypes.byref(count))
for index in range(count.value):
    capability = []
    for attribute in (75, 76):  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
        cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, index)
        capability.append(value.value)
    cuda.cuDeviceGetName(name, len(name), index)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), index)
    gpus.append([capability, name.value.decode(errors="replace"), memory.value])
print(json.dumps([error, version.value, gpus]))
"""
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE

# Prints each GPU's number and bytes, free and in all, until as many as the second argument says have the share free
# that the first one is. Like torch.cuda.mem_get_info, within the context of a process, whose own bytes count as taken.
_FREE_MEMORY = """
import ctypes, json, sys
cuda = ctypes.CDLL("libcuda.so.1")
share, wanted = float(sys.argv[1]), int(sys.argv[2])
count, context, free, total = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_size_t()
cuda.cuInit(0)
cuda.cuDeviceGetCount(ctypes.byref(count))
found = []
for index in range(count.value):
    if wanted <= 0:
        break
    if error := cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), index):
        if error != 2:  # other than CUDA_ERROR_OUT_OF_MEMORY: vLLM will say what it is
            wanted -= 1
            continue
        cuda.cuDeviceTotalMem_v2(ctypes.byref(total), index)
        free.value = 0
    else:
        cuda.cuCtxSetCurrent(context)
        cuda.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total))
        cuda.cuDevicePrimaryCtxRelease_v2(index)
    wanted -= free.value >= share * total.value
    found.append([index, free.value, total.value])
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class Gpus:
    """The GPUs that NVIDIA's driver reports, or the reason why there are none."""

    capabilities: tuple[tuple[int, int], ...] = ()  # compute capability of each GPU that CUDA_VISIBLE_DEVICES shows
    models: tuple[tuple[str, int], ...] = ()  # name and bytes of memory of each, of a MIG slice those of the slice
    driver_cuda: tuple[int, int] | None = None  # the newest CUDA that the driver runs; None without a driver
    problem: str | None = None  # the reason why there are none

    def __len__(self) -> int:
        return len(self.capabilities)


@dataclass(frozen=True, slots=True)
class FreeMemory:
    """Bytes of a GPU that no process has taken."""

    gpu: int  # among those that CUDA_VISIBLE_DEVICES shows
    free: int
    total: int


def find_free_memory(share: float, wanted: int) -> list[FreeMemory]:
    """Look for GPUs that have a share of their memory free.

    A look takes some tenths of a second for each GPU and needs about 0.5 GiB there for its time.

    Returns:
        The GPUs that were looked at before there were as many as wanted; none if the driver does not answer.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _FREE_MEMORY, str(share), str(wanted)],
            check=False,
            capture_output=True,
            text=True,
            timeout=DRIVER_ANSWER_S,
        )
    except subprocess.TimeoutExpired:
        return []
    return [] if done.returncode else [FreeMemory(*numbers) for numbers in json.loads(done.stdout)]


def find_gpus() -> Gpus:
    """Query the driver; if it is missing or does not answer, return no GPUs and the reason."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _PROGRAM], check=False, capture_output=True, text=True, timeout=DRIVER_ANSWER_S
        )
    except subprocess.TimeoutExpired:
        return Gpus(problem=f"NVIDIA's driver did not answer in {DRIVER_ANSWER_S:g} s: check nvidia-smi and dmesg")
    if done.returncode:
        return Gpus(problem="there is no NVIDIA driver (libcuda.so.1 cannot be loaded)")
    error, version, gpus = json.loads(done.stdout)
    driver = (version // 1000, version % 1000 // 10)
    if error and error != _NO_DEVICE:
        return Gpus(driver_cuda=driver, problem=f"NVIDIA's driver fails with CUDA error {error}: check nvidia-smi")
    return Gpus(
        tuple((major, minor) for (major, minor), _, _ in gpus),
        tuple((name, memory) for _, name, memory in gpus),
        driver,
    )
