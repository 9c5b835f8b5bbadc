"""The service speaks TLS with a certificate, and refuses files that are none before anything is started."""

import ssl
from pathlib import Path

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from service import SAMPLES, serving

from ocrmill.commands.web.tls import load_tls
from ocrmill.pipeline.errors import UsageError

AUTHORITY = trustme.CA()
ISSUED = AUTHORITY.issue_cert("127.0.0.1")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    (tmp_path / "chain.pem").write_bytes(b"".join(blob.bytes() for blob in ISSUED.cert_chain_pems))
    return tmp_path / "chain.pem"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    (tmp_path / "key.pem").write_bytes(ISSUED.private_key_pem.bytes())
    return tmp_path / "key.pem"


def test_documents_go_over_tls(tmp_path: Path, certificate: Path, key: Path) -> None:
    """The address is https, a client that trusts the authority gets rows, and one that speaks plain HTTP nothing."""
    trusted = ssl.create_default_context()
    AUTHORITY.configure_trust(trusted)
    options = ("--tls-certificate", str(certificate), "--tls-key", str(key))
    with serving(tmp_path, *options, authority=trusted) as service:
        answer = service.post((SAMPLES / "text.pdf").read_bytes(), "pages=1&route=fast")
        assert answer.json()["pages"][0]["status"] == "text_layer"
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{service.client.base_url.port}/health", timeout=10)
        assert service.end() == 0


def test_what_is_no_certificate_with_its_key_is_refused(tmp_path: Path, certificate: Path, key: Path) -> None:
    """A message names the files and what is wrong; nobody is asked for the password of a key."""
    other, locked = tmp_path / "other.pem", tmp_path / "locked.pem"
    other.write_bytes(AUTHORITY.issue_cert("127.0.0.1").private_key_pem.bytes())
    secret = load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame")))

    for files, said in (
        ((None, key), "--tls-key goes with --tls-certificate"),
        ((tmp_path / "none.pem", key), r"none\.pem and .*key\.pem cannot be read: No such file"),
        ((tmp_path, None), "cannot be read: Is a directory"),
        ((certificate, None), r"chain\.pem are no certificate with its private key"),
        ((certificate, other), r"other\.pem are no certificate with its private key: KEY_VALUES_MISMATCH"),
        ((certificate, locked), "the private key for TLS is encrypted: write it without a password"),
    ):
        with pytest.raises(UsageError, match=said):
            load_tls(*files)
    assert load_tls(None, None) is None
    assert load_tls(certificate, key) is not None
