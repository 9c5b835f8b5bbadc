"""The parsers of all that inputs are made of: archives, names, URIs, globs, settings."""

import gzip
import tempfile
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import quote

from fuzzing import NESTED, damaged, ending_quickly, fuzz
from hypothesis import example, given
from hypothesis import strategies as st
from made_archives import STORAGE, tar_of, zip_of
from made_warcs import PDF, answer, chunked, record, resource, warc_of

from ocrmill.configs.errors import SettingsError
from ocrmill.configs.load import load_settings, print_settings
from ocrmill.configs.settings import InputSettings, RunSettings
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.redaction import redacted
from ocrmill.pipeline.sources.archives.members import members
from ocrmill.pipeline.sources.fetch import fetch
from ocrmill.pipeline.sources.globs import ChoosingGlob, matches, parts_of, split_glob
from ocrmill.pipeline.sources.uri import joined_uri, one_line, split_uri

LIMITS = InputSettings(max_member_mb=1, max_archive_members=100)
FILES = [("a.pdf", b"A" * 700), ("d/" + "long" * 40 + ".pdf", b"B" * 300), ("\u8ad6.pdf", b"C")]
RECORDS = [
    record("request", "https://h/a", b"GET / HTTP/1.1\r\n\r\n", "application/http; msgtype=request"),
    answer("https://h/a", PDF[:600], extra="WARC-Payload-Digest: sha1:ABC\r\n"),
    answer("https://h/b", chunked(PDF[:900], 300), http="Transfer-Encoding: chunked\r\n"),
    answer("https://h/c", gzip.compress(PDF[:900]), http="Content-Encoding: gzip\r\n"),
    answer("https://h/d", b"\x0b\x02\x80hello\x03", http="Content-Encoding: br\r\n"),
    resource("https://h/e", PDF[:100]),
]


def seeds() -> dict[str, list[bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        made = {
            ".zip": [zip_of(Path(folder, "a.zip"), FILES)],
            ".tar": [tar_of(Path(folder, "a.tar"), FILES)],
            ".tar.gz": [tar_of(Path(folder, "a.tar.gz"), FILES)],
            ".warc": [warc_of(Path(folder, "a.warc"), RECORDS)],
            ".warc.gz": [warc_of(Path(folder, "a.warc.gz"), RECORDS), warc_of(Path(folder, "b.warc"), RECORDS)],
        }
        return {ending: [path.read_bytes() for path in paths] for ending, paths in made.items()}


SEEDS = seeds()


@fuzz(250)
@given(st.sampled_from(sorted(SEEDS)).flatmap(lambda ending: st.tuples(st.just(ending), damaged(SEEDS[ending]))))
def test_no_bytes_make_an_archive_anything_but_sources(archive: tuple[str, bytes]) -> None:
    """Damaged archives give sources, files within the limits, and `PageError`, and nothing else in the folder."""
    ending, data = archive
    with tempfile.TemporaryDirectory() as folder, ending_quickly():
        path = Path(folder, f"a{ending}")
        path.write_bytes(data)
        with suppress(PageError):
            for source in members(str(path), LIMITS, STORAGE):
                name = split_uri(source.uri)
                assert name is not None
                assert (str(path), source.member) == (name.archive, name.member)
                (source.uri + source.version + (source.detail or "")).encode()
                with suppress(PageError), fetch(replace(source, reason=None), Path(folder), LIMITS, STORAGE) as file:
                    assert file.stat().st_size <= 1 << 20
                    assert {path, file} == set(Path(folder).iterdir())
        assert [path] == list(Path(folder).iterdir())


any_text = st.text(st.characters(exclude_categories=()), max_size=80)
uri_like = st.lists(
    st.sampled_from(["/a.zip", "!", "#", "2", "\\x21", "\\", "x", ".warc.gz", "https://h/b", "\n"]) | any_text
)


@fuzz(200)
@given(uri_like.map("".join))
def test_any_text_is_a_uri_or_none(text: str) -> None:
    """Whatever is given as a URI has one reading or none, and the URI of that reading reads as the same."""
    name = split_uri(text)
    if name is not None:
        assert name == split_uri(joined_uri(name))
    assert "\n" not in one_line(text)


def plainly_matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(plainly_matches(parts[skip:], pattern[1:]) for skip in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and plainly_matches(parts[1:], pattern[1:])


@fuzz(300)
@given(st.lists(st.sampled_from("ab"), max_size=6), st.lists(st.sampled_from(["a", "b", "*", "**"]), max_size=5))
def test_globs_match_as_their_definition_says(parts: list[str], pattern: list[str]) -> None:
    """The quick way to match gives what trying every length of every `**` gives."""
    assert plainly_matches(tuple(parts), tuple(pattern)) == matches(tuple(parts), tuple(pattern))


@fuzz(100)
@given(any_text, any_text, st.integers(1, 3000))
@example("**/x/**/x/**/x/**/y", "x", 3000)
@example("**/*a*a*a*a*a*a*b", "a" * 40, 300)
def test_no_name_makes_a_glob_slow(glob: str, part: str, times: int) -> None:
    """Any text is a glob of the settings, and takes little time on a name of thousands of parts."""
    with ending_quickly():
        ChoosingGlob.parse(glob).matches(f"/in/a.zip/{'/'.join([part] * times)}", "/in", "member.pdf")
        if set(glob) & set("*?["):
            split_glob(glob)
        assert not {"", ".", ".."} & set(parts_of(glob))


@fuzz(100)
@given(
    st.lists(
        st.sampled_from(["http://", "s3://", "a:", "b@", "?", "&sig=", "X-Amz-Signature=", "#", "/", " "]) | any_text,
        max_size=30,
    )
)
def test_redaction_ends_and_stays(parts: list[str]) -> None:
    """Any text, made of what URLs are made of, is redacted quickly, and not changed by a second time."""
    text = "".join(parts)
    with ending_quickly():
        once = redacted(text * 50)

    assert once == redacted(once)


@fuzz(100)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=30),
    st.sampled_from(["http", "https", "s3", "ftp"]),
    st.sampled_from(["", ":/?=", "@:", "!$&()*+,;=:~"]),
)
def test_no_password_stays(secret: str, scheme: str, allowed: str) -> None:
    """A password is gone, quoted as URLs demand, or with signs that they forbid where they leave a host to be seen."""
    secret = f"S3{quote(secret, safe=allowed)}CRET"

    assert "CRET" not in redacted(f"GET {scheme}://ann:{secret}@host/a.pdf failed")


TOML = print_settings(RunSettings()).encode()


@fuzz(60)
@given(damaged([TOML, b'extends = "cpu"\n[raster]\ndpi = 200\n']), st.text(max_size=30))
@example(b"x = " + NESTED, "raster.dpi=" + "[" * 5000)
def test_no_settings_raise_anything_else(data: bytes, override: str) -> None:
    """A settings file with changed bytes, or an override, is taken or complained about in text."""
    with tempfile.TemporaryDirectory() as folder, ending_quickly():
        path = Path(folder, "x.toml")
        path.write_bytes(data)
        for configs, overrides in (([path], []), ([], [override]), ([path, path], [f"input.include={override}"])):
            try:
                load_settings(configs, overrides)
            except SettingsError as error:
                str(error).encode("utf-8", "surrogateescape")
