"""The sandbox of rendering processes: what they can no longer do, and that pages are read as before.

What is refused is tried for real, in a process that enters the sandbox as a rendering process does. The same acts are
tried without the sandbox, too: a test of a refusal that nobody needed would prove nothing.
"""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from found_sources import found
from narrowed import instance
from pdfs import encrypted_pdf, hanging_pdf, mixed_pdf, scan_pdf, text_pdf
from processes import rendering_processes
from rasterized import image_of

from ocrmill.configs.settings import InputSettings, RasterSettings, RunSettings
from ocrmill.pipeline.records import Document, Status
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.rendering.rasterizer import Rasterizer
from ocrmill.workers.rendering.sandbox import sandbox, seccomp
from ocrmill.workers.rendering.sandbox.seccomp import MACHINES, refused_calls

pytestmark = pytest.mark.skipif(bool(sandbox.missing()), reason=f"no {sandbox.missing()} here")

# Tries each act and prints what came of it: "done", or the name of the error.
ACTS = """
import ctypes, errno, json, os, signal, socket, subprocess, sys, threading
from pathlib import Path
from ocrmill.configs.settings import RasterSettings
from ocrmill.workers.rendering.sandbox import landlock
from ocrmill.workers.rendering.sandbox import sandbox
from ocrmill.workers.rendering.sandbox import seccomp
from ocrmill.workers.rendering.child import confine

secret, port, mode = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
folder, parent = secret.parent, os.getppid()
libc = ctypes.CDLL(None, use_errno=True)

def spawn():
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)

def bind():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))

def call(*arguments):
    if libc.syscall(*map(ctypes.c_long, arguments)) < 0:
        raise OSError(ctypes.get_errno(), "")

acts = {
    "connect": lambda: socket.create_connection(("127.0.0.1", port)).close(),
    "bind": bind,
    "datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "unix socket": lambda: socket.socket(socket.AF_UNIX).close(),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    "read a secret": lambda: secret.read_bytes(),
    "list a folder": lambda: os.listdir(folder),
    "read through /proc": lambda: Path(f"/proc/self/root{secret}").read_bytes(),
    "read the parent's environment": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
    "read /etc/passwd": lambda: Path("/etc/passwd").read_bytes(),
    "read /var": lambda: os.listdir("/var"),
    "write": lambda: (folder / "new").write_bytes(b"x"),
    "append": lambda: secret.open("ab").close(),
    "write to shared memory": lambda: Path("/dev/shm/ocrmill-test").write_bytes(b"x"),
    "make a folder": lambda: (folder / "made").mkdir(),
    "link": lambda: (folder / "link").symlink_to(secret),
    "truncate": lambda: os.truncate(secret, 6),
    "chmod": lambda: secret.chmod(0o600),
    "touch": lambda: os.utime(secret),
    "rename": lambda: (folder / "other").rename(folder / "third"),
    "remove": lambda: (folder / "doomed").unlink(),
    "run a program": lambda: subprocess.run(["/bin/true"], check=True),
    "fork": spawn,
    "make a file in memory": lambda: os.close(os.memfd_create("x")),
    "signal the parent": lambda: os.kill(parent, 0),
    "limit the parent": lambda: call(seccomp._machine().prlimit, parent, 7, 0, 0),
    "watch events": lambda: call(seccomp.refused_calls(seccomp._machine())["io_uring_setup"], 0, 0),
}
harmless = {
    "start a thread": lambda: threading.Thread(target=int).start(),
    "read the program": lambda: Path(landlock.__file__).read_bytes(),
    "import": lambda: __import__("wave"),
    "signal itself": lambda: os.kill(os.getpid(), 0),
    "random numbers": lambda: os.urandom(4),
}
if mode == "landlock":
    landlock.read_only(sandbox.readable())
elif mode == "seccomp":
    seccomp.refuse()
else:
    confine(RasterSettings(sandbox=mode), parent)
results = {}
for name, act in {**acts, **harmless}.items():
    try:
        act()
        results[name] = "done"
    except OSError as error:
        results[name] = errno.errorcode[error.errno]
json.dump(results, sys.stdout)
"""
HARMLESS = {"start a thread", "read the program", "import", "signal itself", "random numbers"}
# An io_uring without a place for its parameters is refused by the kernel itself, with another error.
WITHOUT_SANDBOX = {"watch events": "EFAULT"}
ONLY_SECCOMP_HAS = {
    *("datagram", "unix socket", "netlink", "chmod", "touch", "fork", "make a file in memory", "limit the parent"),
    "watch events",
}
ONLY_LANDLOCK_HAS = {
    *("read a secret", "list a folder", "read through /proc", "read the parent's environment", "read /etc/passwd"),
    "read /var",
}


@pytest.fixture
def port() -> Iterator[int]:
    """A port of this machine that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def outcomes(mode: str, folder: Path, port: int) -> dict[str, str]:
    """The outcomes of the acts; each mode has a folder of its own to try them on."""
    folder.mkdir()
    (folder / "secret").write_bytes(b"sesame")
    (folder / "other").touch()
    (folder / "doomed").touch()
    command = [sys.executable, "-P", "-c", ACTS, str(folder / "secret"), str(port), mode]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    Path("/dev/shm/ocrmill-test").unlink(missing_ok=True)
    assert done.returncode == 0, done.stderr
    results: dict[str, str] = json.loads(done.stdout)
    return results


def test_the_sandbox_leaves_only_reading_the_program(tmp_path: Path, port: int) -> None:
    """Without it every act succeeds; inside, every one is refused, and what rendering needs goes on."""
    free, confined = outcomes("off", tmp_path / "off", port), outcomes("require", tmp_path / "require", port)

    assert {name: result for name, result in free.items() if result != "done"} == WITHOUT_SANDBOX
    assert {confined[name] for name in confined.keys() - HARMLESS} <= {"EPERM", "EACCES"}
    assert {confined[name] for name in HARMLESS} == {"done"}
    assert (tmp_path / "require" / "secret").read_bytes() == b"sesame"


def test_each_half_of_the_sandbox_works_alone(tmp_path: Path, port: int) -> None:
    """If a kernel has only one, seccomp lets files be read, Landlock lets some calls pass; the rest is refused."""
    refused = {"EPERM", "EACCES"}
    by_seccomp = outcomes("seccomp", tmp_path / "seccomp", port)
    by_landlock = outcomes("landlock", tmp_path / "landlock", port)

    assert {name for name in by_seccomp.keys() - HARMLESS if by_seccomp[name] not in refused} == ONLY_LANDLOCK_HAS
    assert {name for name in by_landlock.keys() - HARMLESS if by_landlock[name] not in refused} <= {
        *ONLY_SECCOMP_HAS,
        *("signal the parent", "connect", "bind", "truncate"),  # in Landlock since its versions 6, 4, 4 and 3
    }
    assert {by_seccomp[name] for name in HARMLESS} == {by_landlock[name] for name in HARMLESS} == {"done"}


def test_calls_that_are_newer_than_the_filter_are_unknown() -> None:
    """A call of tomorrow, and the second numbering of x86-64, fail as on a kernel that does not have them."""
    program = (
        "import ctypes, sys\nfrom ocrmill.workers.rendering.sandbox import seccomp\nseccomp.refuse()\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "for number in (452, 470, 2000, 0x40000000 + 39):\n"
        "    libc.syscall(ctypes.c_long(number), 0, 0, 0)\n"
        "    print(ctypes.get_errno())\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["38"] * 4, "ENOSYS"


@pytest.mark.parametrize(
    ("machine", "header"),
    [("x86_64", "x86_64-linux-gnu/asm/unistd_64.h"), ("aarch64", "asm-generic/unistd.h")],
)
def test_the_numbers_are_the_kernels(machine: str, header: str) -> None:
    """Every number of a call is the one in the kernel's header, and below those that count as unknown."""
    path = Path("/usr/include") / header
    if not path.exists():
        pytest.skip(f"{path} is not installed")
    defined = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text()))
    known = MACHINES[machine]
    single = {
        name: getattr(known, name) for name in ("seccomp", "openat", "clone", "clone3", "kill", "tgkill", "ioctl")
    }
    single |= {"prlimit64": known.prlimit, "sched_setaffinity": known.sched_setaffinity}
    numbers = {**refused_calls(known), **single}

    assert {name: int(defined.get(name, number)) for name, number in numbers.items()} == numbers
    assert max(numbers.values()) < seccomp._FIRST_UNKNOWN
    assert len(numbers.keys() & defined.keys()) > 0.9 * len(numbers)


def rows(rasterizer: Rasterizer, path: Path) -> list[object]:
    """Every page of a file without what differs from run to run: rows, and images as bytes."""
    document = instance(Document, rasterizer.open(found([path])[0]))
    read: list[object] = [replace(document, detail=None)]
    for number in range(1, document.page_count + 1):
        page = rasterizer.read(document, number)
        if isinstance(page, PageRow):
            read.append(replace(page, page=replace(page.page, render_ms=0.0)))
        else:
            read.append((replace(page[0], render_ms=0.0), image_of(page).tobytes()))
    return read


def test_pages_are_read_as_without_a_sandbox(tmp_path: Path) -> None:
    """Text with the layout model, scans, blank pages, pictures, locked files and PDFium's pages come out the same."""
    from PIL import Image

    Image.linear_gradient("L").save(tmp_path / "picture.png")
    files = [
        mixed_pdf(tmp_path / "mixed.pdf"),
        encrypted_pdf(tmp_path / "locked.pdf", "sesame"),
        hanging_pdf(tmp_path / "for pdfium.pdf", pages=2, bad_page=2),
        tmp_path / "picture.png",
    ]
    read = {}
    for mode in ("require", "off"):
        raster = RasterSettings(sandbox=mode, page_cpu_s=2, page_wall_s=60)
        rasterizer = Rasterizer(RunSettings(raster=raster, input=InputSettings(passwords=("sesame",))))
        read[mode] = {path.name: rows(rasterizer, path) for path in files}
        rasterizer.close()

    assert read["require"] == read["off"]
    text = read["require"]["mixed.pdf"][1]
    assert isinstance(text, PageRow)
    assert text.status is Status.TEXT_LAYER


def test_rendering_processes_are_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process of a rasterizer has its filter on, and no environment variable that could hold a credential."""
    for name in ("AWS_SECRET_ACCESS_KEY", "OCRMILL_API_KEY", "OCRMILL_SERVE_TOKEN"):
        monkeypatch.setenv(name, "hunter2")
    rasterizer = Rasterizer(RunSettings(raster=RasterSettings(sandbox="require")))
    try:
        rasterizer.open(found([text_pdf(tmp_path / "a.pdf")])[0])
        child = rendering_processes()[0]
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{child.pid}/status").read_text().splitlines())
        environment = Path(f"/proc/{child.pid}/environ").read_bytes()
    finally:
        rasterizer.close()

    assert status["Seccomp"] == "2"
    assert status["NoNewPrivs"] == "1"
    assert b"hunter2" not in environment


def test_a_module_beside_the_documents_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of documents may hold a file that is named like a library: rendering from inside it is safe."""
    for name in ("pymupdf", "numpy", "workers"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'was-here')!r}, 'w')\nraise SystemExit(9)\n")
    path = text_pdf(tmp_path / "a.pdf", pages=1)
    monkeypatch.chdir(tmp_path)
    rasterizer = Rasterizer(RunSettings())
    try:
        read = rows(rasterizer, path)
    finally:
        rasterizer.close()

    assert len(read) == 2
    assert not (tmp_path / "was-here").exists()


# Makes Landlock's first call unknown to this process and its children, as an old kernel or a container's policy does.
WITHOUT_LANDLOCK = """
import ctypes, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
steps = (0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x50026), (0x06, 0, 0, 0x7FFF0000)
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
assert libc.prctl(38, 1, 0, 0, 0) == 0 == libc.prctl(22, 2, struct.pack("@HP", len(steps), ctypes.addressof(code)))
sys.argv[0] = "ocrmill"
from ocrmill import cli
cli.main()
"""


@pytest.mark.parametrize(("mode", "code"), [("auto", 0), ("require", 2)])
def test_a_machine_without_landlock_says_so(tmp_path: Path, mode: str, code: int) -> None:
    """`auto` reads the pages and warns once of what is missing; `require` reads nothing, and fails naming it."""
    scan_pdf(tmp_path / "in.pdf")
    text_pdf(tmp_path / "text.pdf", pages=1)
    arguments = ["run", str(tmp_path / "text.pdf"), "--out", str(tmp_path / "out"), "--set", f"raster.sandbox={mode}"]
    done = subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT_LANDLOCK, *arguments, "--no-ray"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )

    assert done.returncode == code, done.stderr
    assert done.stderr.count("Landlock") == 1
    assert bool(list(tmp_path.glob("out/pages/*.parquet"))) == (mode == "auto")


THREAD = """
import os, threading
from ocrmill.workers.rendering.sandbox import seccomp
go, refused = threading.Event(), threading.Event()
def fork():
    go.wait()
    try:
        os.fork()
    except PermissionError:
        refused.set()
thread = threading.Thread(target=fork)
thread.start()
seccomp.refuse()
go.set()
thread.join()
print(refused.is_set())
"""


def test_threads_are_confined_too() -> None:
    """A thread that was there before the filter has it, too."""
    done = subprocess.run([sys.executable, "-P", "-c", THREAD], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "True"
