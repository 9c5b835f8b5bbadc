"""The transport to a server: the certificates that are accepted, and the proxy of the environment in between."""

import os
import ssl
from base64 import b64encode
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from ocrmill.configs.engine_settings import EndpointSettings
from ocrmill.pipeline.redaction import redacted

_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}


def tls_context(settings: EndpointSettings) -> ssl.SSLContext:
    """Return the context that accepts the authority in the settings; without one, those of this machine and of certifi.

    Raises:
        OSError: the file of the authority cannot be read, or holds none.
    """
    if settings.ca_file is not None:
        return ssl.create_default_context(cafile=settings.ca_file)
    context = httpx.create_ssl_context()  # of certifi, or of SSL_CERT_FILE
    if not os.environ.get("SSL_CERT_FILE"):
        context.load_default_certs()
    return context


def tls_problem(error: BaseException | None) -> str | None:
    """Return a sentence if a connection failed for its certificate or for want of TLS: waiting does not help."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                f"its certificate is not accepted ({error.verify_message}): name the authority that signed it, as a "
                "PEM file, in engine.endpoint.ca_file"
            )
        if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
            return "it speaks no TLS: write its URL with http://"
        error = error.__cause__ or error.__context__
    return None


def proxy_of(url: str) -> str | None:
    """Return the proxy of the environment between here and a server, or None."""
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy is None or proxy_bypass(parts.hostname or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def through_proxy(url: str) -> str:
    """Return the words about the proxy between here and a server; none if there is no proxy."""
    proxy = proxy_of(url)
    if proxy is None:
        return ""
    return f" (through the proxy {redacted(proxy)} of the environment; NO_PROXY names hosts that need none)"


def without_login(url: str) -> str:
    """Return a URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def login_in(url: str) -> str | None:
    """Return the header with user and password of a URL, or None."""
    parts = urlsplit(url)
    if parts.username is None:
        return None
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(login.encode()).decode()}"
