"""Ray for one run: started on this machine, or a cluster that is joined.

What Ray starts here has a folder of its own that goes with it: Ray's logs, sockets and spilled objects, the token
without which no other user of this machine gets in, and an empty folder to run in. Ray puts the folder of the driver
first on the import path of every worker, and the driver's script's next to it; both would be the user's.

Not covered: nodes of a cluster that were started with an empty entry in PYTHONPATH import from the folder in which
`ray start` was called.
"""

import os
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import ray
from ray._raylet import AuthenticationTokenLoader, Config, GcsClient  # type: ignore[attr-defined]
from ray.exceptions import AuthenticationError, RayError

from ocrmill.pipeline.errors import EngineError, StoppedEarlyError
from ocrmill.workers.import_path import safe_variables
from ocrmill.workers.scratch import Scratch

LONGEST_FOLDER = 16  # bytes; the paths of Ray's sockets are 91 longer, and the kernel takes 107
ANSWER_S = 10.0  # in which a cluster says whether it wants a token
NO_CLUSTER = "ab" * 28  # an id that no cluster has: asked with it, one answers at once and nothing else happens
# Files that variables name, which workers in another folder would not find by a relative path.
NAMES_A_FILE = (
    *("GOOGLE_APPLICATION_CREDENTIALS", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_CA_BUNDLE"),
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AZURE_FEDERATED_TOKEN_FILE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("REQUESTS_CA_BUNDLE", "HF_HOME", "HF_HUB_CACHE"),
)
_Variables = Mapping[str, str | None]


class RaySession:
    """Ray, with the folder that is there for as long as it is used."""

    def __init__(self, where: str, **arguments: object) -> None:
        """Start Ray on this machine, or join a cluster if there is an `address` other than "local".

        Raises:
            EngineError: Ray does not start, or the cluster does not let us in; the text begins with `where`.
        """
        if ray.is_initialized():
            raise EngineError(f"cannot start with {where}: this process uses Ray already; call ray.shutdown() first")
        self._scratch = Scratch(_parent())
        self._temporary = Scratch()
        try:
            if arguments.get("address") == "local":
                # Workers are killed in the end, and leave their temporary files to us.
                variables: _Variables = {**self._own_token(), "TMPDIR": str(self._temporary.path)}
                arguments["_temp_dir"] = str(self._scratch.path / "r")  # which Ray opens to everybody
            else:
                variables = _mode_of(str(arguments["address"]))
                arguments["runtime_env"] = {"env_vars": {"PYTHONSAFEPATH": "1"}}
            empty = self._scratch.path / "empty"
            empty.mkdir()
            with _variables_set({**_for_children(), **variables}), _started_in(empty):
                _read_variables_again()
                ray.init(log_to_driver=False, logging_level="ERROR", **arguments)
        except BaseException as error:
            self.close()
            if isinstance(error, StoppedEarlyError) or not isinstance(error, Exception):
                raise  # a signal came meanwhile
            raise EngineError(f"cannot start with {where}: {error}") from error  # Ray raises bare ones after 30 s

    def close(self) -> None:
        """End what was started here, or leave the cluster; nothing of it stays behind."""
        ray.shutdown()
        _read_variables_again()  # so that whoever uses Ray next in this process does so in his own mode
        self._scratch.close()
        self._temporary.close()

    def _own_token(self) -> _Variables:
        """Variables with which Ray asks everyone for a token that only this user can read.

        Ray itself would leave one in `~/.ray`, after which a cluster started by hand asks for it as well.
        """
        if os.environ.get("RAY_AUTH_MODE", "token").lower() != "token":
            return {}
        path = self._scratch.path / "token"
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="ascii")
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(path), "RAY_AUTH_TOKEN": None}


def _mode_of(address: str) -> _Variables:
    """Variables with which this process speaks to a cluster as the cluster's own processes do: with a token or without.

    Raises:
        EngineError: it wants a token, and there is none or it is not that one.
    """
    if address.startswith("ray://"):
        return {}  # that proxy has no tokens of its own to compare
    gcs = address
    if address == "auto":
        from ray._private.services import canonicalize_bootstrap_address_or_die

        gcs = canonicalize_bootstrap_address_or_die(None)
    without, with_token = {"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": "token"}
    if _lets_in(gcs, without):
        return without
    if not AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True):
        raise EngineError(
            "it asks for a token: put that of the cluster into RAY_AUTH_TOKEN, or its file into RAY_AUTH_TOKEN_PATH or "
            "~/.ray/auth_token"
        )
    if not _lets_in(gcs, with_token):
        raise EngineError("the token in RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token is not that cluster's")
    return with_token


def _lets_in(gcs: str, variables: _Variables) -> bool:
    """Ask a cluster for a value, in some mode; `ray.init` would ask twenty times, each with a warning."""
    with _variables_set(variables):
        _read_variables_again()
        try:
            GcsClient(address=gcs, cluster_id=NO_CLUSTER).internal_kv_get(b"session_name", b"session", timeout=ANSWER_S)
        except AuthenticationError as error:
            return "InvalidAuthToken" not in str(error)
        except RayError:
            return True  # `ray.init` finds the words for whatever this is
    return True


def _read_variables_again() -> None:
    """Have Ray in this process look at RAY_AUTH_MODE and the token, which it otherwise does once."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


def _parent() -> Path:
    """Return the folder for temporary files if paths of Ray's sockets fit below it."""
    for folder in (os.environ.get("RAY_TMPDIR"), tempfile.gettempdir()):
        if folder and len(os.fsencode(os.path.abspath(folder))) <= LONGEST_FOLDER:  # noqa: PTH100 - keeps links
            return Path(folder).absolute()
    return Path("/tmp")  # noqa: S108 - as Ray does; the folder in it is this user's alone


def _for_children() -> _Variables:
    """Variables of processes that Ray starts."""
    files = {name: os.environ.get(name) for name in NAMES_A_FILE}
    return {
        **safe_variables(os.environ),
        **{name: os.path.abspath(path) for name, path in files.items() if path and os.path.exists(path)},  # noqa: PTH100, PTH110
    }


@contextmanager
def _variables_set(variables: _Variables) -> Iterator[None]:
    """Set environment variables, or take away those that are None, for a while."""
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
def _started_in(folder: Path) -> Iterator[None]:
    """Make a folder the current one for a while; and as the program's file name, which has a folder, one in there."""
    with ExitStack() as undo:
        before = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        undo.callback(os.close, before)
        undo.callback(os.fchdir, before)
        arguments = sys.argv
        undo.callback(setattr, sys, "argv", arguments)
        os.chdir(folder)
        sys.argv = ["ocrmill"]
        yield
