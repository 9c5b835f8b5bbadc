"""Every error of ours is in one tree, and arrives whole where another process raised it."""

import ast
import builtins
import pickle
from pathlib import Path

import pytest

from ocrmill.model_adapter.errors import ModelFilesError
from ocrmill.pipeline import errors
from ocrmill.pipeline.buckets.bucket import BucketError, BucketErrorCode
from ocrmill.pipeline.errors import OcrmillError, PageError
from ocrmill.pipeline.records import Reason
from ocrmill.pipeline.sources.http import WebError

ROOT = Path(__file__).parents[2]
FOLDERS = ("commands", "configs", "model_adapter", "ocrmill", "pipeline", "workers")
ROOTS = {OcrmillError.__name__, ModelFilesError.__name__}
# The first has to pass through `except Exception` of Ray; the next two are caught where a text is read, and none
# leaves; the last is an answer of the service.
OUTSIDE = {"_StopNowError", "MalformedOutputError", "UndecidedError", "Refusal"}
BUILT_IN = {
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
}


def bases_by_class() -> dict[str, list[str]]:
    """The names of the bases of every class in the code."""
    files = [ROOT / "cli.py", *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]
    classes = [
        node for path in files for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)
    ]
    return {each.name: [ast.unparse(base).rpartition(".")[2] for base in each.bases] for each in classes}


def ancestors(name: str, bases: dict[str, list[str]]) -> set[str]:
    return {name}.union(*(ancestors(base, bases) for base in bases.get(name, ())))


def test_every_error_of_ours_is_in_the_tree() -> None:
    """Each exception class derives from OcrmillError; those of `model_adapter`, which imports nothing, from its own."""
    bases = bases_by_class()
    ours = {name for name in bases if ancestors(name, bases) & BUILT_IN}

    assert {"PageError", "SettingsError", "BucketError", "SeedError", *ROOTS} <= ours
    assert {name for name in ours if not ancestors(name, bases) & ROOTS} == OUTSIDE


def test_page_errors_stay_in_the_rooms_that_touch_foreign_bytes() -> None:
    """Everywhere else a page or document that fails is a value; the public functions on single pages raise, too."""
    rooms = ("pipeline/sources/", "pipeline/pages/", "workers/rendering/", "ocrmill/", "pipeline/errors.py")
    files = [path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    naming = [name for name in files if "PageError" in (ROOT / name).read_text()]

    assert "workers/rendering/child.py" in naming
    assert not [name for name in naming if not name.startswith(rooms)]


def test_the_tree_in_the_docstring_names_every_public_error() -> None:
    """The docstring of errors.py shows all errors that the module offers."""
    assert not [name for name in errors.__all__ if name not in (errors.__doc__ or "")]


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_survives_the_way_between_processes(name: str) -> None:
    """An error raised in a worker comes out with its type, text and attributes."""
    kind = getattr(errors, name)
    error = PageError(Reason.DAMAGED, "cut off") if kind is PageError else kind("cut off")
    again = pickle.loads(pickle.dumps(error))

    assert type(again) is kind
    assert str(again) == str(error) == "cut off"
    assert vars(again) == vars(error)


def test_errors_of_buckets_and_servers_survive_it_too() -> None:
    """So do the errors that stand in other modules."""
    bucket = pickle.loads(pickle.dumps(BucketError(BucketErrorCode.CLOCK, "an hour off")))

    assert (bucket.code, str(bucket)) == (BucketErrorCode.CLOCK, "an hour off")
    assert str(pickle.loads(pickle.dumps(WebError("gone")))) == "gone"
