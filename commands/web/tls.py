"""The certificate and the key with which a server of ours speaks TLS."""

import ssl
from pathlib import Path

from ocrmill.pipeline.errors import UsageError


def load_tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Load a chain of certificates and its private key, both as PEM; None if there is no certificate.

    Args:
        certificate: The file of the chain, the service's own certificate first.
        key: The file of the key; None if it stands in the file of the certificate.

    Raises:
        UsageError: A file cannot be read, they do not belong together, or the key is encrypted.
    """
    if certificate is None:
        if key is not None:
            raise UsageError("--tls-key goes with --tls-certificate: name the file of the certificate, too")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files = f"{certificate} and {key}" if key is not None else str(certificate)
    try:
        context.load_cert_chain(certificate, key, password=_refuse_password)
    except ssl.SSLError as error:
        raise UsageError(f"{files} are no certificate with its private key: {error.reason or error}") from error
    except OSError as error:
        raise UsageError(f"{files} cannot be read: {error.strerror or error}") from error
    return context


def _refuse_password() -> str:
    """Refuse an encrypted key: without this, OpenSSL would ask the terminal, and the service would wait for ever."""
    raise UsageError("the private key for TLS is encrypted: write it without a password, readable by the service alone")
