"""Fixtures that tests of several folders use."""

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import azure_server
import pytest
import s3_server
from azure_server import AzureServer
from fault_table import FaultTable
from gcs_server import GoogleServer
from hypothesis import HealthCheck, settings
from process_state import keeping_loggers, keeping_process
from s3_proxy import FaultyS3
from s3_server import S3Server

from ocrmill.model_adapter.checkpoint.published_config import ModelSize
from ocrmill.model_adapter.checkpoint.seeded import seed_checkpoint

ROOT = Path(__file__).parents[1]
# Files that take half a minute and more, the longest first; other files lie between those with vLLM, so that seldom two
# of its engines want the memory at once.
LONGEST_FIRST = (
    "tests/workers/engines/deepseek_ocr2/test_engine.py",
    "tests/model_adapter/vision/test_grid_attention.py",
    "tests/commands/test_resume.py",
    "tests/workers/rendering/test_rasterizer.py",
    "tests/workers/pools/test_ray_pool.py",
    "tests/workers/pools/test_ray_session.py",
    "tests/model_adapter/test_serve.py",
    "tests/test_cli.py",
    "tests/model_adapter/vision/test_encoder.py",
    "tests/test_packaging.py",
    "tests/model_adapter/test_model.py",
    "tests/workers/engines/test_self_judgement.py",
    "tests/pipeline/sources/test_bucket_inputs.py",
    "tests/ocrmill/test_runs.py",
    "tests/commands/test_nights.py",
    "tests/test_bucket_run.py",
    "tests/bench/quality/test_typesetters.py",
    "tests/workers/engines/deepseek_ocr/test_engine.py",
    "tests/model_adapter/vision/test_compilation.py",
    "tests/model_adapter/test_page_groups.py",
    "tests/model_adapter/test_first_parity.py",
)


# Examples are drawn alike each time, and take as long as they take: a failure is neither chance nor a busy machine.
settings.register_profile("suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-table", type=Path, help="file whose table of faults is replaced")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: one that begins last leaves the other worker idle."""
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was imported: it would walk through torch and vLLM again and again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Leave nothing out when the process ends, or libraries report what they think has leaked."""
    gc.unfreeze()


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background, and in all that tests start
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if missing := [name for name in LONGEST_FIRST if not (ROOT / name).exists()]:
        raise pytest.UsageError(f"LONGEST_FIRST names files that are not there: {', '.join(missing)}")
    if path := config.getoption("--fault-table"):
        config.pluginmanager.register(FaultTable(path))


@pytest.fixture(scope="module", autouse=True)
def process() -> Iterator[None]:
    """A file of tests leaves the process as it found it: what one sets must not decide how the next one ends."""
    with keeping_process():
        yield


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """So does each test with our loggers, which any command takes for itself."""
    with keeping_loggers():
        yield


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DeepSeek-OCR 2 in the published layout with seeded weights, 180 MB."""
    directory = tmp_path_factory.mktemp("checkpoint") / "tiny"
    seed_checkpoint(directory, ModelSize.TINY)
    return directory


@pytest.fixture(scope="session")
def s3_for_all() -> Iterator[S3Server]:
    """An S3 server for all tests, with one client of boto3; each test makes its own buckets."""
    with s3_server.running() as endpoint:
        yield S3Server(endpoint)


@pytest.fixture
def s3(s3_for_all: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """A real S3 server, and credentials for it in the environment."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in s3_server.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return s3_for_all


@pytest.fixture(scope="session")
def azure_url() -> Iterator[str]:
    """An Azurite for all tests; each makes its own containers."""
    if azure_server.program() is None:
        pytest.skip("there is no Azurite: `make venv` fetches it where there is npm")
    with azure_server.running() as url:
        yield url


@pytest.fixture
def azure(azure_url: str, monkeypatch: pytest.MonkeyPatch) -> AzureServer:
    """Azure's blob storage as Microsoft emulates it, and the way to it in the environment."""
    server = AzureServer(azure_url)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture(scope="session")
def google_server() -> Iterator[GoogleServer]:
    """A server of Google's protocol for all tests; each makes its own buckets."""
    with GoogleServer().running() as server:
        yield server


@pytest.fixture
def google(google_server: GoogleServer, monkeypatch: pytest.MonkeyPatch) -> GoogleServer:
    """Google's storage as we emulate it, and the way to it in the environment."""
    for name, value in google_server.environment.items():
        monkeypatch.setenv(name, value)
    return google_server


@pytest.fixture
def faulty_s3(s3: S3Server) -> Iterator[FaultyS3]:
    """The S3 server behind a proxy that fails on request."""
    with FaultyS3(s3.endpoint, s3.settings).running() as proxy:
        yield proxy
