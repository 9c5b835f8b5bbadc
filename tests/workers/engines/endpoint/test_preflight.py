"""A run through an endpoint that cannot begin says so in one sentence, and soon."""

import time
from collections.abc import Iterator, Sequence

import pytest
from endpoint_pages import engine_settings
from model_server import ModelServer, model_card, serving_model

from ocrmill.configs.load import load_settings
from ocrmill.configs.shortcuts import shortcuts
from ocrmill.pipeline.errors import EngineError, OcrmillError
from ocrmill.workers.engines.endpoint.preflight import check, find_servers, version_warning
from ocrmill.workers.engines.registry import check_engine, with_engine_chosen

NOWHERE = "http://127.0.0.1:9/v1"
PROFILE = "lightonocr-2-1b"
SOON_S = 30.0  # five, on a machine that does nothing else


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving_model(models=[model_card("a"), model_card("b")]) as server:
        yield server


def begin(urls: Sequence[str], profile: str | None = PROFILE, model: str | None = None) -> None:
    """Do as `run` does before anything is started."""
    given = shortcuts(engine="endpoint", urls=urls, profile=profile, model=model)
    check_engine(with_engine_chosen(load_settings([], given)), use_ray=False)


def refusal(*urls: str, profile: str | None = PROFILE, model: str | None = None) -> str:
    """The sentence that `run` ends with by these flags, before anything is started."""
    started = time.monotonic()
    with pytest.raises(OcrmillError) as caught:
        begin(urls, profile, model)
    assert time.monotonic() - started < SOON_S
    return str(caught.value)


def test_what_is_missing_is_said_at_once(server: ModelServer) -> None:
    """No URL, no profile, no server, no such model, a wrong base: each is one sentence that says what to do."""
    assert "the engine endpoint cannot start: no server is named: --url" in refusal()
    assert "no profile is named: --profile" in refusal(NOWHERE, profile=None)
    assert f"no server answers at {NOWHERE}" in refusal(NOWHERE)
    assert "there is no profile lighton, and no such file" in refusal(NOWHERE, profile="lighton")
    assert "write it with http://" in refusal("gpu1:8000/v1")
    assert "does not serve lightonai/LightOnOCR-2-1B; it serves a, b: name one by --model" in refusal(server.url)
    assert "does not serve c; it serves a, b" in refusal(server.url, model="c")
    assert "name the base URL, which mostly ends in /v1" in refusal(server.url[:-3])


def test_a_password_in_a_url_is_not_said() -> None:
    """The sentence about a server that does not answer has its URL without user and password."""
    assert "hidden" not in refusal("http://ann:hidden@127.0.0.1:9/v1")


def test_a_key_that_is_missing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with a key: without it a sentence, with one in the environment none."""
    monkeypatch.delenv("OCRMILL_API_KEY", raising=False)
    with serving_model(key="sk-1") as server:
        assert "it wants a key: give its key in the environment's OCRMILL_API_KEY" in refusal(server.url)
        monkeypatch.setenv("OCRMILL_API_KEY", "sk-2")
        assert "the key is not accepted" in refusal(server.url)
        monkeypatch.setenv("OCRMILL_API_KEY", "sk-1")
        begin([server.url])


def test_one_server_that_answers_is_enough(server: ModelServer) -> None:
    """A server that is away may come back: with another one up, the run begins."""
    settings = engine_settings(NOWHERE, server.url, model="a")

    assert [] == check(settings.endpoint)
    away, found = find_servers(settings.endpoint)
    assert (away.is_away, found.version, found.model and found.model.context) == (True, "0.32.0", 16384)


def test_a_version_that_does_not_serve_the_model_is_named(server: ModelServer) -> None:
    """A vLLM outside of the profile's versions is warned of; one within is not."""
    settings = engine_settings(server.url, model="a").endpoint
    assert settings.profile is not None
    (found,) = find_servers(settings)
    old = settings.profile.model_copy(update={"vllm": "<0.30"})

    assert version_warning(settings.profile, found) is None
    assert "runs vLLM 0.32.0, and LightOnOCR-2-1B is known to need <0.30" in str(version_warning(old, found))


def test_engines_check_again_on_their_own_machine() -> None:
    """The start of an engine raises the same sentence: on a cluster it runs elsewhere."""
    from endpoint_pages import read_pages

    with pytest.raises(EngineError, match="no server answers at"):
        read_pages(engine_settings(NOWHERE), [1])
