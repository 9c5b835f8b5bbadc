"""Credentials in URLs do not survive where URLs become text."""

from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrmill.pipeline.redaction import redacted, redacted_command


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ann:secret@host/a.pdf", "https://host/a.pdf"),
        ("https://ann@host:8080/a.pdf", "https://host:8080/a.pdf"),
        ("s3://KEY:SECRET/with+slash=@bucket/a.pdf", "s3://bucket/a.pdf"),
        ("https://ann:p@ss@host/a@b.pdf", "https://host/a@b.pdf"),
        ("https://h/a.pdf?X-Amz-Credential=AKIA%2F1&X-Amz-Date=2&X-Amz-Signature=f0", "https://h/a.pdf?X-Amz-Credential=***&X-Amz-Date=2&X-Amz-Signature=***"),
        ("https://h/a.pdf?X-Amz-Security-Token=IQoJ&v=1", "https://h/a.pdf?X-Amz-Security-Token=***&v=1"),
        ("https://h/a.pdf?AWSAccessKeyId=AKIA&Signature=a%2Fb%3D&Expires=1", "https://h/a.pdf?AWSAccessKeyId=***&Signature=***&Expires=1"),
        ("https://h/a.pdf?GoogleAccessId=me&X-Goog-Signature=ab", "https://h/a.pdf?GoogleAccessId=***&X-Goog-Signature=***"),
        ("https://h/a.pdf?sv=2024&sp=r&sig=q%2Bx+/=", "https://h/a.pdf?sv=2024&sp=r&sig=***"),
        ("https://h/a.pdf?Policy=e30_&Key-Pair-Id=K2", "https://h/a.pdf?Policy=***&Key-Pair-Id=***"),
        ("https://h/a.pdf?TOKEN=abc;def#access_token=ghi", "https://h/a.pdf?TOKEN=***#access_token=***"),
        ("https://h/a.pdf?X%2DAmz%2DSignature=f0", "https://h/a.pdf?X%2DAmz%2DSignature=***"),
    ],
)  # fmt: skip
def test_credentials_are_hidden(url: str, shown: str) -> None:
    """User names, passwords, signatures and tokens of the usual stores go; the rest of the URL stays."""
    assert shown == redacted(url)
    assert shown == redacted(shown)


@pytest.mark.parametrize(
    "url",
    [
        "/data/a@b/c?.pdf",
        "s3://bucket/folder/a.pdf",
        "https://host:443/@ann/a.pdf?key=reports/1.pdf&page=2#3",
        "https://[::1]:9000/a@b.pdf",
        "crawl.warc.gz!https://host/a.pdf#2",
        "a letter to ann@host.org about https://host/a.pdf",
    ],
)
def test_what_is_no_credential_stays(url: str) -> None:
    """Paths, ports, page numbers and addresses of people are left alone."""
    assert url == redacted(url)


def test_urls_inside_error_texts_are_found() -> None:
    """A library's message with one or several URLs, quoted, in XML or without a host, gives none of their secrets."""
    text = (
        "GET 'https://ann:S3CRET@host/a?sig=S3CRET' failed (see \"s3://K:S3CRET@b/x?token=S3CRET\"), "
        "<Resource>/b/a.pdf?v=1&amp;X-Amz-Signature=S3CRET</Resource>; url: /b/a.pdf?X-Amz-Security-Token=S3CRET"
    )

    assert "S3CRET" not in redacted(text)
    assert "</Resource>" in redacted(text)


@given(st.text(st.characters(), max_size=300))
def test_redaction_takes_any_text_and_ends(text: str) -> None:
    """Any text, lone surrogates too, comes out, and what came out is not changed by a second time."""
    once = redacted(text)

    assert once == redacted(once)


words = st.text(min_size=8, max_size=30).map(lambda text: quote(f"x{text}x", safe=""))


@given(words, words, words, st.sampled_from(["sig", "X-Amz-Signature", "token", "password", "api_key"]))
def test_no_quoted_secret_gets_through(user: str, password: str, value: str, name: str) -> None:
    """Whatever the credentials, written as URLs demand, only host, path and harmless parameters are left."""
    shown = redacted(f"https://{user}:{password}@host/a.pdf?page=2&{name}={value}")

    assert f"https://host/a.pdf?page=2&{name}=***" == shown
    assert urlsplit(shown).username is None


def test_a_command_line_keeps_its_secrets() -> None:
    """Passwords that --set gives, in any way of writing it, and the credentials of URLs are `***`; the rest stays."""
    secret = "sesame-7301"
    command = [
        *("ocrmill", "run", f"https://ann:{secret}@host/a.pdf?X-Amz-Signature={secret}", "--out", "out"),
        *("--set", f'input.passwords=["{secret}"]', f'--set=input.passwords=["{secret}"]'),
        *("--set", f' input . passwords = ["{secret}"]', "--set", f'input={{"pass\\u0077ords"=["{secret}"]}}'),
        *("--set", "input.max_object_mb=7", "--set", "raster.dpi=200"),
    ]
    shown = redacted_command(command)

    assert not [argument for argument in shown if secret in argument]
    assert ["--set", "input.max_object_mb=7", "--set", "raster.dpi=200"] == shown[-4:]
    assert ["ocrmill", "run"] == shown[:2]
