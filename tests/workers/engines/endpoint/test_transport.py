"""TLS and proxies between the engine and real servers on localhost."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from endpoint_pages import engine_settings, read_pages
from http_proxy import proxying
from model_server import ModelServer, Say, serving_model

from ocrmill.pipeline.errors import EngineError
from ocrmill.pipeline.records import PageText

TEXT = "The text of a page."


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    """The file of the authority that signed the certificate of `tls_server`."""
    return tmp_path / "ca.pem"


@pytest.fixture
def tls_server(ca_file: Path) -> Iterator[ModelServer]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with serving_model(lambda _: Say(TEXT), tls=context) as server:
        yield server


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def text(url: str, ca_file: Path | None = None) -> str:
    """The text that the server at a URL gives for a page."""
    (outcome,) = read_pages(engine_settings(url, ca_file=None if ca_file is None else str(ca_file)), [1])
    assert isinstance(outcome, PageText), outcome
    return outcome.markdown


def test_an_authority_of_ones_own_is_named_in_the_settings(tls_server: ModelServer, ca_file: Path) -> None:
    """With `ca_file` the page is read over TLS."""
    assert text(tls_server.url, ca_file) == TEXT


def test_an_authority_in_the_environment_counts(
    tls_server: ModelServer, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE, which other programs heed as well, is heeded by the check at the start and by the requests."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    assert text(tls_server.url) == TEXT


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_server: ModelServer, tmp_path: Path) -> None:
    """The sentence names the setting; a second server that answers does not hide it, and no page was sent."""
    with serving_model() as plain, pytest.raises(EngineError) as caught:
        read_pages(engine_settings(tls_server.url, plain.url), [1])
    assert f"{tls_server.url} is not asked: its certificate is not accepted (" in str(caught.value)
    assert str(caught.value).endswith("name the authority that signed it, as a PEM file, in engine.endpoint.ca_file")
    assert not tls_server.asked

    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(EngineError, match=r"engine.endpoint.ca_file is .*empty.pem, and cannot be used"):
        read_pages(engine_settings(tls_server.url, ca_file=str(tmp_path / "empty.pem")), [1])
    with serving_model() as plain, pytest.raises(EngineError, match="it speaks no TLS: write its URL with http://"):
        read_pages(engine_settings(plain.url.replace("http:", "https:")), [1])


def test_proxies_of_the_environment_are_used(
    tls_server: ModelServer, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY hands requests on, HTTPS_PROXY tunnels them unseen; a host in NO_PROXY is asked directly."""
    with proxying() as proxy, serving_model(lambda _: Say(TEXT)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert text(server.url) == TEXT
        assert f"{server.url}/chat/completions" in proxy.targets
        del proxy.targets[:]
        assert text(tls_server.url, ca_file) == TEXT
        assert {f"127.0.0.1:{tls_server.port}"} == set(proxy.targets)
        del proxy.targets[:]
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert text(server.url) == TEXT
        assert [] == proxy.targets


def test_user_and_password_of_a_proxy_are_sent_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """ALL_PROXY counts, too, without its scheme as well; the proxy gets its user and password in a header."""
    with proxying() as proxy, serving_model(lambda _: Say(TEXT)) as server:
        monkeypatch.setenv("ALL_PROXY", f"ann:secret@127.0.0.1:{proxy.port}")
        assert text(server.url) == TEXT

    assert f"{server.url}/chat/completions" in proxy.targets
    assert {"Basic YW5uOnNlY3JldA=="} == {head["proxy-authorization"] for head in proxy.heads}


def test_a_proxy_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says that a proxy lies between, without its password, and how to go without it."""
    monkeypatch.setenv("http_proxy", "http://ann:hidden@127.0.0.1:9")
    with serving_model() as server, pytest.raises(EngineError) as caught:
        read_pages(engine_settings(server.url), [1])
    assert "(through the proxy http://127.0.0.1:9 of the environment; NO_PROXY names hosts" in str(caught.value)
    assert "hidden" not in str(caught.value)
