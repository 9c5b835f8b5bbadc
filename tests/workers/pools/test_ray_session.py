"""Ray leaves nothing behind, runs nothing from the current folder, and speaks to a cluster in its own mode."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psutil
import pytest
from hostile_folder import hostile_folder, marks
from pdfs import text_pdf
from ports import free_port

from ocrmill.workers.scratch import PREFIX

BIN = Path(sys.executable).parent
NOT_GIVEN = ("PYTHONPATH", "PYTHONSAFEPATH", "RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
# A program that uses our pool as somebody else's would: says what a worker is started with.
LOOK = """
import json, os, sys
import ray
from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.configs.worker_settings import WorkerSettings
from ocrmill.workers.engines.registry import make_engine
from ocrmill.workers.pools.ray_pool import RayPool

def look():
    import pyarrow, numpy
    files = [pyarrow.__file__, numpy.__file__]
    return {"path": sys.path, "cwd": os.listdir(), "safe": sys.flags.safe_path, "files": files}

workers = WorkerSettings(rasterizers=1, engines=1, in_flight_mb=64)
pool = RayPool(RunSettings(engine=EngineSettings(name="cpu"), workers=workers), make_engine)
found = ray.get(ray.remote(num_cpus=0)(look).remote())
pool.close()
print(json.dumps({**found, "here": os.getcwd(), "mode": os.environ.get("RAY_AUTH_MODE"), "argv": sys.argv}))
"""

ASK = """
from pathlib import Path
mode = ray._raylet.get_authentication_mode()
folders = [oct(path.stat().st_mode & 0o777) for path in Path(os.environ["RAY_TMPDIR"]).glob("ocrmill-scratch-*")]
programs = list(ray._private.worker._global_node.all_processes)
found |= {"token": mode == ray._raylet.AuthenticationMode.TOKEN, "folders": folders, "programs": programs}
"""


@contextmanager
def empty_home() -> Iterator[Path]:
    """A home at a path short enough for Ray's sockets below it."""
    with TemporaryDirectory(prefix="h", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def home() -> Iterator[Path]:
    with empty_home() as home:
        yield home


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in NOT_GIVEN}
    (home / "tmp").mkdir(exist_ok=True)
    return {**kept, "HOME": str(home), "TMPDIR": str(home / "tmp"), "RAY_USAGE_STATS_ENABLED": "0", **more}


def ocrmill(home: Path, out: str, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run over a document in that home, as its user does."""
    if not (home / "in").exists():
        (home / "in").mkdir()
        text_pdf(home / "in" / "a.pdf", pages=1)
    command: list[str | Path] = [
        BIN / "ocrmill",
        "run",
        "in",
        "--out",
        out,
        "--engine",
        "cpu",
        "--workers",
        "1",
        *options,
    ]
    return subprocess.run(
        command, cwd=home, env=environment(home, **more), capture_output=True, text=True, check=False, timeout=120
    )


@contextmanager
def cluster(home: Path, **more: str) -> Iterator[str]:
    """A cluster started by hand, as `ray start --head` does it, at this address. `ray stop` would end others, too."""
    names = ["port", "node-manager-port"]
    if find_spec("grpc"):  # Ray's own client, which vLLM's environment can start, takes a fixed port unless told
        names.append("ray-client-server-port")
    ports = {name: free_port() for name in names}
    command: list[str | Path] = [
        BIN / "ray",
        "start",
        "--head",
        "--temp-dir",
        home / "ray",
        "--include-dashboard=false",
        "--num-cpus=4",
    ]
    command += [f"--{name}={port}" for name, port in ports.items()]
    try:
        started = subprocess.run(
            command, cwd=home, env=environment(home, **more), capture_output=True, text=True, check=False, timeout=120
        )
        assert started.returncode == 0, started.stdout + started.stderr
        yield f"127.0.0.1:{ports['port']}"
    finally:
        end_processes(str(home / "ray"))


def end_processes(word: str) -> None:
    """End what has this word in its command line."""
    for process in psutil.process_iter(["cmdline"]):
        if any(word in part for part in process.info["cmdline"] or ()):
            try:
                process.kill()
            except psutil.Error:
                continue


def files_in(home: Path) -> set[str]:
    left = {str(path.relative_to(home)) for path in home.rglob("*")}
    return {path for path in left if path.partition("/")[0] not in {"in", "out", "out1", "out2", "ray"}} - {"tmp"}


class AfterRun(NamedTuple):
    """A home in which a run with a Ray of its own has ended, and a cluster was started by hand afterwards."""

    home: Path
    left: set[str]  # by the run
    address: str


@pytest.fixture(scope="module")
def after_run() -> Iterator[AfterRun]:
    """A cluster that asks for no token."""
    with empty_home() as home:
        local = ocrmill(home, "out")
        assert local.returncode == 0, local.stdout + local.stderr
        until = time.monotonic() + 60
        while files_in(home) and time.monotonic() < until:
            time.sleep(0.2)
        left = files_in(home)
        with cluster(home) as address:
            yield AfterRun(home, left, address)


@pytest.mark.timeout(400)
def test_a_local_run_leaves_ray_as_it_was(after_run: AfterRun) -> None:
    """After it, home is as empty as before, and a cluster started by hand lets in who joins it, without a word."""
    home, left, address = after_run
    assert left == set()

    joined = ocrmill(home, "out1", "--ray-address", address)
    assert joined.returncode == 0, joined.stdout + joined.stderr
    assert "Token" not in joined.stderr
    assert "WARN" not in joined.stderr.upper().replace("PYTHONWARNINGS", "")

    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text("a token that some other cluster asks for")
    again = ocrmill(home, "out2", "--ray-address", address, RAY_AUTH_MODE="token")
    assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.timeout(400)
def test_a_cluster_that_asks_for_a_token_is_given_it(home: Path) -> None:
    """The token is found where Ray looks for it; without one, or with a wrong one, the run says so within seconds."""
    token = "0123456789abcdef" * 4
    with cluster(home, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token) as address:
        joined = ocrmill(home, "out", "--ray-address", address, RAY_AUTH_TOKEN=token)
        assert joined.returncode == 0, joined.stdout + joined.stderr

        for more, words in (({}, "it requires a token"), ({"RAY_AUTH_TOKEN": "f" * 64}, "is not that cluster's")):
            refused = ocrmill(home, "out1", "--ray-address", address, **more)
            assert refused.returncode == 1
            assert words in refused.stderr
            assert "gcs_client" not in refused.stderr, refused.stderr


class Seen(NamedTuple):
    """A program that used our pool in a hostile folder, and what it saw."""

    folder: Path
    said: dict[str, Any]


@pytest.fixture(scope="module")
def own_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = hostile_folder(tmp_path_factory.mktemp("own") / "hostile")
    with empty_home() as home:
        program = LOOK.replace("pool.close()", ASK + "pool.close()")
        yield Seen(folder, run_program(program, home, folder, RAY_TMPDIR=str(home)))


@pytest.fixture(scope="module")
def cluster_ray(after_run: AfterRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = hostile_folder(tmp_path_factory.mktemp("cluster") / "hostile")
    joining = LOOK.replace("in_flight_mb=64", f"in_flight_mb=64, ray_address={after_run.address!r}")
    with empty_home() as home:
        yield Seen(folder, run_program(joining, home, folder))


@pytest.mark.timeout(300)
def test_others_cannot_use_the_ray_of_a_run(own_ray: Seen) -> None:
    """Its Ray asks for a token that lies in a folder of this user's alone."""
    assert own_ray.said["token"]
    assert set(own_ray.said["folders"]) == {"0o700"}


@pytest.mark.timeout(300)
def test_a_run_starts_no_process_of_ray_that_it_does_not_need(own_ray: Seen) -> None:
    """Nothing is scaled, no log is read and no dashboard served on one machine; each would take a second to start."""
    assert set(own_ray.said["programs"]) == {"gcs_server", "raylet"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seen", ["own_ray", "cluster_ray"])
def test_workers_import_nothing_from_the_current_folder(seen: str, request: pytest.FixtureRequest) -> None:
    """Ray's processes start in an empty folder, without empty entries of PYTHONPATH; ours gets its folder back."""
    folder, said = request.getfixturevalue(seen)

    assert marks(folder) == []
    assert str(folder) not in said["path"]
    assert "" not in said["path"]
    assert said["safe"]
    assert not any(file.startswith(str(folder)) for file in said["files"])
    assert (said["here"], said["mode"], said["argv"]) == (str(folder), None, ["-"])
    if seen == "own_ray":
        assert said["cwd"] == []


def run_program(program: str, home: Path, folder: Path | None = None, **more: str) -> dict[str, Any]:
    """Run a program in a folder whose modules it would import itself, had it not been started with -P."""
    start = "import os; os.environ['PYTHONPATH'] = ':/more'\n"  # after the start, so that only children see it
    done = subprocess.run(
        [sys.executable, "-P", "-"],
        input=start + program,
        cwd=folder or home,
        env=environment(home, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_this_process_does_not_lose_its_own_ray(home: Path) -> None:
    """A program that uses Ray already gets an error that says so, and its Ray goes on."""
    program = (
        "import ray; ray.init(num_cpus=1, include_dashboard=False, logging_level='ERROR')\n"
        "from ocrmill.pipeline.errors import EngineError\nfrom ocrmill.workers.pools.ray_session import RaySession\n"
        "try:\n    RaySession('Ray on this machine', address='local')\n"
        "except EngineError as error:\n    said = str(error)\n"
        "import json; print(json.dumps({'said': said, 'lives': ray.is_initialized()}))"
    )
    said = run_program(program, home)

    assert "uses Ray already" in str(said["said"])
    assert said["lives"]
    assert PREFIX not in str(list((home / "tmp").iterdir()))
