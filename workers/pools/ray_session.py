"""Ray for one run: started on this machine, or a cluster that is joined.

Ray on this machine has a temporary folder with its logs, sockets and spilled objects, with a token that keeps other
users of this machine out, and with an empty folder to run in. Ray puts the current folder of the driver first on the
import path of every worker, and the folder of the driver's script next to it; both would be the user's.

Not covered: nodes of a cluster that were started with an empty entry in PYTHONPATH import from the folder in which
`ray start` was called.
"""

import os
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import ray
from ray._private import node, parameter, worker
from ray._raylet import AuthenticationTokenLoader, Config, GcsClient  # type: ignore[attr-defined]
from ray.exceptions import AuthenticationError, RayError

from ocrmill.pipeline.errors import EngineError, StoppedEarlyError
from ocrmill.workers.import_path import safe_variables
from ocrmill.workers.pools.early_stop import signals_after
from ocrmill.workers.scratch import Scratch

LONGEST_FOLDER = 16  # bytes; the paths of Ray's sockets are 91 longer, and the kernel takes 107
ANSWER_S = 10.0  # for a cluster to tell if it needs a token
NO_CLUSTER = "ab" * 28  # an id that no cluster has; a request with it is answered at once and changes nothing
# Files that variables name, which workers in another folder would not find by a relative path.
NAMES_A_FILE = (
    *("GOOGLE_APPLICATION_CREDENTIALS", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_CA_BUNDLE"),
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AZURE_FEDERATED_TOKEN_FILE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("REQUESTS_CA_BUNDLE", "HF_HOME", "HF_HUB_CACHE"),
)
_Variables = Mapping[str, str | None]


class RaySession:
    """Ray, with a temporary folder for as long as it is used."""

    def __init__(self, where: str, **arguments: object) -> None:
        """Start Ray on this machine, or join a cluster if there is an `address` other than "local".

        Raises:
            EngineError: Ray does not start, or the cluster refuses us; the text begins with `where`.
        """
        if ray.is_initialized():
            raise EngineError(f"cannot start with {where}: this process uses Ray already; call ray.shutdown() first")
        self._scratch = Scratch(_parent())
        self._temporary = Scratch()
        try:
            if arguments.get("address") == "local":
                # Workers are killed at the end; we remove their temporary files.
                variables: _Variables = {**self._own_token(), "TMPDIR": str(self._temporary.path)}
                arguments["_temp_dir"] = str(self._scratch.path / "r")  # Ray makes it readable for everybody
            else:
                variables = _cluster_mode(str(arguments["address"]))
                arguments["runtime_env"] = {"env_vars": {"PYTHONSAFEPATH": "1"}}
            empty = self._scratch.path / "empty"
            empty.mkdir()
            variables = {**_child_variables(), **variables}
            with _with_variables(variables), _in_folder(empty), _without_monitors(), _whole_connection():
                _reload_variables()
                ray.init(log_to_driver=False, logging_level="ERROR", **arguments)
        except BaseException as error:
            self.close()
            if isinstance(error, StoppedEarlyError) or not isinstance(error, Exception):
                raise  # a signal came meanwhile
            raise EngineError(f"cannot start with {where}: {error}") from error  # Ray raises bare ones after 30 s

    def close(self) -> None:
        """End Ray if it was started here, or leave the cluster; remove all files."""
        ray.shutdown()
        _reload_variables()  # so that the next user of Ray in this process gets the mode of the environment
        self._scratch.close()
        self._temporary.close()

    def _own_token(self) -> _Variables:
        """Return variables that make Ray require a token that only this user can read.

        Ray itself would leave a token in `~/.ray`, and a cluster started by hand would then require it, too.
        """
        if os.environ.get("RAY_AUTH_MODE", "token").lower() != "token":
            return {}
        path = self._scratch.path / "token"
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="ascii")
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(path), "RAY_AUTH_TOKEN": None}


def _cluster_mode(address: str) -> _Variables:
    """Return variables that make this process use a cluster's own mode: with a token or without.

    Raises:
        EngineError: the cluster requires a token, and ours is missing or wrong.
    """
    if address.startswith("ray://"):
        return {}  # that proxy has no tokens to compare
    gcs = address
    if address == "auto":
        from ray._private.services import canonicalize_bootstrap_address_or_die

        gcs = canonicalize_bootstrap_address_or_die(None)
    without, with_token = {"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": "token"}
    if _accepts(gcs, without):
        return without
    if not AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True):
        raise EngineError(
            "it requires a token: put the cluster's token into RAY_AUTH_TOKEN, or its file into RAY_AUTH_TOKEN_PATH or "
            "~/.ray/auth_token"
        )
    if not _accepts(gcs, with_token):
        raise EngineError("the token in RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token is not that cluster's")
    return with_token


def _accepts(gcs: str, variables: _Variables) -> bool:
    """Send one request to a cluster in some mode; `ray.init` would try twenty times, each with a warning."""
    with _with_variables(variables):
        _reload_variables()
        try:
            GcsClient(address=gcs, cluster_id=NO_CLUSTER).internal_kv_get(b"session_name", b"session", timeout=ANSWER_S)
        except AuthenticationError as error:
            return "InvalidAuthToken" not in str(error)
        except RayError:
            return True  # `ray.init` reports it
    return True


def _reload_variables() -> None:
    """Make Ray in this process read RAY_AUTH_MODE and the token again; by itself it reads them once."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


def _parent() -> Path:
    """Return the folder for temporary files, or /tmp if paths of Ray's sockets do not fit below it."""
    for folder in (os.environ.get("RAY_TMPDIR"), tempfile.gettempdir()):
        if folder and len(os.fsencode(os.path.abspath(folder))) <= LONGEST_FOLDER:  # noqa: PTH100 - keeps links
            return Path(folder).absolute()
    return Path("/tmp")  # noqa: S108 - as Ray does; the folder in it is this user's alone


def _child_variables() -> _Variables:
    """Return the variables of processes that Ray starts."""
    files = {name: os.environ.get(name) for name in NAMES_A_FILE}
    return {
        **safe_variables(os.environ),
        **{name: os.path.abspath(path) for name, path in files.items() if path and os.path.exists(path)},  # noqa: PTH100, PTH110
    }


@contextmanager
def _with_variables(variables: _Variables) -> Iterator[None]:
    """Set environment variables, or remove those that are None, for the block."""
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: _Variables) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _without_monitors() -> Iterator[None]:
    """Keep Ray from starting its autoscaler, its reader of logs and the dashboard's server during the block.

    Each is a Python process that takes a second of CPU to start, and `ray.init` waits for the last. On one machine
    nothing is scaled, the logs, which stay in their files, are sent to nobody, and without a dashboard that server only
    reports usage, which is off. `ray.init` has no arguments for them.
    """
    plain, serve = parameter.RayParams, node.Node.start_api_server
    parameter.RayParams = partial(plain, no_monitor=True, include_log_monitor=False)
    node.Node.start_api_server = lambda _node, **_arguments: None
    try:
        yield
    finally:
        parameter.RayParams, node.Node.start_api_server = plain, serve


@contextmanager
def _whole_connection() -> Iterator[None]:
    """Deliver signals that come while `ray.init` connects this process, which takes about half a second, after that.

    `ray.shutdown` does not take down a driver that is connected in part: its C++ threads outlive Ray's processes, and
    the end of this process is SIGSEGV instead of its exit code.
    """
    connect = worker.connect

    def connect_whole(*arguments: object, **named: object) -> None:
        with signals_after():
            connect(*arguments, **named)

    worker.connect = connect_whole
    try:
        yield
    finally:
        worker.connect = connect


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Make a folder the current one for the block, and `sys.argv[0]` a name without another folder."""
    with ExitStack() as undo:
        before = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        undo.callback(os.close, before)
        undo.callback(os.fchdir, before)
        arguments = sys.argv
        undo.callback(setattr, sys, "argv", arguments)
        os.chdir(folder)
        sys.argv = ["ocrmill"]
        yield
