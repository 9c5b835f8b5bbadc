"""The profiles that ocrmill brings, and those of users."""

from pathlib import Path

import pytest

from ocrmill.commands.profiles import list_profiles
from ocrmill.configs.load import load_settings
from ocrmill.configs.profiles.find import FOLDER, load_profile, shipped_profiles
from ocrmill.configs.profiles.profile import Profile
from ocrmill.configs.section import performance

NEEDS_NO_SOURCE = {"source", "sources", "title", "note", "writes"}
TEN_LINES = """\
title = "My model"
licence = "Apache-2.0"
prompt = "Convert this page to Markdown."
[image]
longest_side = 1540
[sampling]
max_tokens = 8000
[output]
form = "markdown"
"""


@pytest.mark.parametrize("name", shipped_profiles())
def test_each_fact_of_a_shipped_profile_has_a_source(name: str) -> None:
    """Whatever a profile says of its model, it says where that was read; and nothing else has a source."""
    profile = load_profile(name)
    said = profile.model_fields_set - NEEDS_NO_SOURCE

    assert said - profile.sources.keys() <= {"hub"}
    assert profile.sources.keys() - said == set()
    assert profile.licence != "not known"
    assert profile.writes
    assert profile.serve


def test_the_list_names_model_licence_and_output() -> None:
    """`ocrmill profiles` has each profile, its licence, what it writes, and how its server is started."""
    shown = list_profiles()

    for name in shipped_profiles():
        profile = load_profile(name)
        for fact in (f"{name}: {profile.title}", profile.licence, profile.writes, profile.serve):
            assert fact in shown


def test_a_profile_of_ones_own_takes_ten_lines(tmp_path: Path) -> None:
    """A file with a prompt, a size and a form is a profile, under the name of the file."""
    path = tmp_path / "mine.toml"
    path.write_text(TEN_LINES)
    profile = load_settings([], [f"engine.endpoint.profile={path}"]).engine.endpoint.profile

    assert len(TEN_LINES.splitlines()) < 10
    assert profile is not None
    assert (profile.name, profile.title, profile.image.longest_side) == ("mine", "My model", 1540)


def test_a_profile_extends_another(tmp_path: Path) -> None:
    """Of two values that of the nearer file stands; the rest is the other's, tables included."""
    path = tmp_path / "mine.toml"
    path.write_text('extends = "dots-mocr"\n[image]\ndpi = 300\n')
    mine, theirs = load_profile(str(path)), load_profile("dots-mocr")

    assert (mine.image.dpi, mine.image.factor, mine.prompt) == (300, theirs.image.factor, theirs.prompt)


def changed(tmp_path: Path, old: str, new: str) -> str:
    """The fingerprint of a run with a changed profile."""
    path = tmp_path / "mine.toml"
    path.write_text(TEN_LINES.replace(old, new))
    given = [f"engine.endpoint.profile={path}", "engine.name=endpoint", "engine.endpoint.urls=['http://a/v1']"]
    return load_settings([], given).fingerprint()


def test_the_fingerprint_has_the_content_of_a_profile_and_not_its_name(tmp_path: Path) -> None:
    """Prompt, size, sampling and form change it; the place of the file, words for people, URL and key do not."""
    before = changed(tmp_path, "", "")
    for old, new in (("Convert", "Turn"), ("1540", "1600"), ("8000", "9000"), ('"markdown"', '"html"')):
        assert before != changed(tmp_path, old, new), new
    assert before == changed(tmp_path, "My model", "Another title")
    (tmp_path / "deep").mkdir()
    assert before == changed(tmp_path / "deep", "", "")

    path = tmp_path / "mine.toml"
    path.write_text(TEN_LINES)
    given = [f"engine.endpoint.profile={path}", "engine.name=endpoint", "engine.endpoint.urls=['http://b/v1']"]
    assert before == load_settings([], [*given, "engine.endpoint.api_key=sk-1"]).fingerprint()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("longest_side = 1540", "", "say how large a page is sent"),
        ("prompt =", "order = 'image_only'\nprompt =", "which sends the image alone"),
        ('form = "markdown"', 'form = "latex"', "output.form: Input should be 'markdown'"),
        ("[output]", "[[retry]]\nprompt = 'x'\n[output]", "retry names the prompt 'x', which is not in prompts"),
        ("max_tokens", "max_toekns", "sampling.max_toekns: Extra inputs are not permitted"),
        ("title", "extends = 'mine.toml'\ntitle", "extends itself"),
        ("title =", "title", "mine.toml: "),
    ],
)
def test_what_is_wrong_with_a_profile_is_said(old: str, new: str, said: str, tmp_path: Path) -> None:
    """A profile that cannot be used is refused with its name, the field, and what is wrong."""
    path = tmp_path / "mine.toml"
    path.write_text(TEN_LINES.replace(old, new, 1))

    with pytest.raises(ValueError, match=r"mine\.toml") as caught:
        load_profile(str(path))
    assert said in str(caught.value)


def test_a_name_that_is_spelled_wrong_is_guessed() -> None:
    """An unknown name is refused with the nearest one, and all that there are."""
    with pytest.raises(ValueError, match=r"did you mean dots-mocr\?.*ocrmill brings deepseek-ocr, "):
        load_profile("dots-ocr")


def test_words_for_people_are_marked() -> None:
    """The fields that do not count for the fingerprint are those that change no row."""
    marked = {name for name, field in Profile.model_fields.items() if field.json_schema_extra == performance()}

    assert marked == {"source", "title", "licence", "note", "writes", "vllm", "serve", "sources"}
    assert len(list(FOLDER.glob("*.toml"))) == 10
