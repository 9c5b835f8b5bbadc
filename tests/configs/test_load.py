"""Settings from files and `--set`, what is said when they are wrong, and back to a file."""

import os
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, cast, get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from ocrmill.configs.errors import SettingsError
from ocrmill.configs.load import SHIPPED, load_settings, print_settings
from ocrmill.configs.section import Settings
from ocrmill.configs.settings import InputSettings, RasterSettings, RunSettings
from ocrmill.configs.tries.rung import OWN, Rung

SHIPPED_NAMES = sorted(path.stem for path in SHIPPED.glob("*.toml"))
REGENERATE = (
    "python -c 'from ocrmill.configs.load import print_settings; from ocrmill.configs.settings import RunSettings; "
    'print(print_settings(RunSettings()), end="")\' > configs/default.toml'
)


def fields(kind: type[Settings], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, FieldInfo]]:
    for name, info in kind.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Settings):
            yield from fields(info.annotation, (*above, name))
        else:
            yield above, name, info


FIELDS = list(fields(RunSettings))
UNPRINTABLE = {"passwords", "api_key", "profile"}  # secrets, and a profile, which is printed as its name
PRINTABLE = [entry for entry in FIELDS if entry[1] not in UNPRINTABLE]


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def complaint(config: Path | None = None, *overrides: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings([] if config is None else [config], overrides)
    return str(caught.value)


def test_nothing_given_is_the_defaults() -> None:
    """Without a file and overrides the settings are the defaults."""
    assert RunSettings() == load_settings([], [])


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    """A file holds differences; `--set` comes on top; the last of two overrides wins."""
    path = written(tmp_path, '\ufeff[raster]\ndpi = 200\nfallback = "none"\n[input]\ninclude = ["a", "b"]\n')
    made = load_settings([path], ["raster.dpi=100", "workers.engines = 3", "raster.dpi=150", 'input.exclude=["*.png"]'])

    assert RasterSettings(dpi=150, fallback="none") == made.raster
    assert (("a", "b"), ("*.png",), 3) == (made.input.include, made.input.exclude, made.workers.engines)


@pytest.mark.parametrize(
    ("text", "value"),
    [("auto", "auto"), ('"auto"', "auto"), ("ray://host:10001", "ray://host:10001"), ("", ""), ("a = 1", "a = 1")],
)
def test_a_bare_word_is_a_string(text: str, value: str) -> None:
    """A word that is no TOML value is taken as it stands, so that no quotes are needed within the shell's."""
    assert value == load_settings([], [f"workers.ray_address={text}"]).workers.ray_address


def test_a_value_cannot_smuggle_in_another_key() -> None:
    """A line break in a value does not begin another setting."""
    made = load_settings([], ["workers.ray_address='x'\nengines = 5"])

    assert ("'x'\nengines = 5", 0) == (made.workers.ray_address, made.workers.engines)


def test_files_extend_each_other(tmp_path: Path) -> None:
    """`extends` names a file beside this one, or a shipped one; tables are merged, the nearer file wins."""
    written(tmp_path, '[raster]\ndpi = 100\nmemory_mb = 1000\n[input]\ninclude = ["a"]\n', "base.toml")
    middle = written(tmp_path, 'extends = "base.toml"\n[raster]\ndpi = 120\n[input]\ninclude = ["b"]\n', "middle.toml")
    top = written(tmp_path, f'extends = "{middle}"\n[engine]\nmax_attempts = 3\n', "deep/top.toml")
    shipped = written(tmp_path, 'extends = "nightly"\n')
    made = load_settings([top], [])

    assert (120, 1000, ("b",), 3) == (
        made.raster.dpi,
        made.raster.memory_mb,
        made.input.include,
        made.engine.max_attempts,
    )
    assert load_settings([Path("nightly")], []) == load_settings([shipped], [])


@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_shipped_files_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A shipped file is found by its name, its file name and its path in the repository; a file that is there wins.

    The bare name always stands for the shipped one: what lies among documents sets nothing unless it is named.
    """
    monkeypatch.chdir(tmp_path)
    shipped = load_settings([SHIPPED / f"{name}.toml"], [])
    for spelling in (name, f"{name}.toml", f"configs/{name}.toml", f"configs/{name}"):
        assert shipped == load_settings([Path(spelling)], [])
    here = written(tmp_path, "[raster]\ndpi = 77\n", f"{name}.toml")
    written(tmp_path, "no settings at all", name)

    assert 77 == load_settings([Path(here.name)], []).raster.dpi
    assert shipped == load_settings([Path(name)], [])


def test_files_that_extend_in_a_circle_are_refused(tmp_path: Path) -> None:
    """A circle of files is named instead of followed."""
    written(tmp_path, 'extends = "a.toml"', "b.toml")

    assert "extends itself" in complaint(written(tmp_path, 'extends = "b.toml"', "a.toml"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[raster]\ndpii = 200", "mine.toml: raster.dpii: there is no such setting; did you mean raster.dpi?"),
        ("[rasters]\ndpi = 200", "mine.toml: rasters: there is no such setting; did you mean raster.dpi?"),
        ("dpi = 200", "mine.toml: dpi: there is no such setting; did you mean raster.dpi?"),
        (
            "[engine.cpu]\nthread = 1",
            "mine.toml: engine.cpu.thread: there is no such setting; did you mean engine.cpu.threads?",
        ),
        ("[zzz]\nzzz = 1", "mine.toml: zzz: there is no such setting; the sections are input, raster, "),
        ("[raster]\ndpi = 5000", "mine.toml: raster.dpi: Input should be less than or equal to 600, got 5000"),
        ("[raster]\nmemory_mb = 999999999999", "raster.memory_mb: Input should be less than or equal to 1048576"),
        ("[raster]\nopen_cpu_s = 1e20", "raster.open_cpu_s: Input should be less than or equal to 86400"),
        ("[routing]\nmode = 'ocrr'", "mine.toml: routing.mode: Input should be 'auto', 'fast' or 'ocr', got 'ocrr'"),
        ("[input]\ninclude = 'a'", "mine.toml: input.include: Input should be a list, as in"),
        ("raster = 3", "mine.toml: raster: Input should be a valid dictionary"),
        ("[[raster]]\ndpi = 3", "mine.toml: raster: Input should be a valid dictionary"),
        ("[raster]\npage_wall_s = 1", "raster.page_wall_s must not be smaller than raster.page_cpu_s"),
        ("[raster\ndpi = 3", "mine.toml: Expected ']'"),
        ("[raster]\ndpi = 1\ndpi = 2", "mine.toml: Cannot overwrite a value"),
        ("extends = 3", "mine.toml: extends: name one file"),
        ("extends = 'none.toml'", "none.toml: there is no such settings file"),
        ("x = " + "[" * 5000, "mine.toml: "),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, text: str, expected: str) -> None:
    """The error names the file, the key, what is wrong with it, and what may have been meant."""
    assert expected in complaint(written(tmp_path, text))


def test_what_is_wrong_in_an_override_is_named(tmp_path: Path) -> None:
    """An override is blamed for its own value, the file for the others, one line each."""
    path = written(tmp_path, "[raster]\ndpi = 5000\nmemory_mb = 1\n")
    lines = complaint(path, "raster.dpi=7", "engine.nmae=cpu").splitlines()

    assert "--set: raster.dpi: Input should be greater than or equal to 36, got 7" == lines[0]
    assert f"{path}: raster.memory_mb: Input should be" in lines[1]
    assert "--set: engine.nmae: there is no such setting; did you mean engine.name?" == lines[2]
    for override in ("raster.dpi", "=3", "raster.=3", "."):
        assert "write section.key=value" in complaint(None, override)


def test_a_missing_file_names_the_shipped_ones(tmp_path: Path) -> None:
    """The error lists what could have been meant; files that are not UTF-8 are named too."""
    assert f"ocrmill brings {', '.join(SHIPPED_NAMES)}" in complaint(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")
    assert "latin.toml: 'utf-8' codec can't decode" in complaint(tmp_path / "latin.toml")
    assert "there is no such settings file" in complaint(Path())
    assert "there is no such settings file" in complaint(Path("a" * 300))


def test_settings_can_come_through_a_pipe() -> None:
    """As `--config <(pass show ocrmill)` has them, so that passwords need no file."""
    reader, writer = os.pipe()
    os.write(writer, b"[input]\npasswords = ['secret']")
    os.close(writer)
    assert load_settings([Path(f"/dev/fd/{reader}")], []).input.passwords == (SecretStr("secret"),)
    os.close(reader)


@pytest.mark.parametrize("value", ['"hunter2"', '["hunter2", 3]', "{ hunter2 = 1 }", '{ x = "hunter2" }'])
def test_complaints_do_not_repeat_passwords(tmp_path: Path, value: str) -> None:
    """A password in the wrong shape is not printed with the error about it."""
    assert "hunter2" not in complaint(written(tmp_path, f"[input]\npasswords = {value}\n")).replace(".hunter2", "")
    assert "hunter2" not in complaint(written(tmp_path, '[[input]]\npasswords = ["hunter2"]'))
    assert "hunter2" not in complaint(None, f"input.passwords={value}").replace(".hunter2", "")


def test_the_default_file_is_what_the_program_prints() -> None:
    """configs/default.toml lists every setting as it is by default."""
    expected = print_settings(RunSettings())

    assert expected == (SHIPPED / "default.toml").read_text(encoding="utf-8"), f"make it again: {REGENERATE}"


@pytest.mark.parametrize("name", [name for name in SHIPPED_NAMES if name != "default"])
def test_shipped_files_hold_differences_only(name: str) -> None:
    """Every value in a shipped file differs from what it would be without the file."""
    tables = tomllib.loads((SHIPPED / f"{name}.toml").read_text(encoding="utf-8"))
    base = load_settings([Path(tables.pop("extends", "default"))], [])

    assert tables
    for section, table in tables.items():
        for key, value in table.items():
            assert value != getattr(getattr(base, section), key), f"{section}.{key}"


def test_presets_give_the_same_rows() -> None:
    """No preset changes a row beside the engine, so that one output can be continued with any of them."""
    cpu = load_settings([Path("cpu")], []).fingerprint()

    assert cpu == load_settings([Path("demo")], []).fingerprint()
    assert cpu == load_settings([Path("nightly"), Path("cpu")], []).fingerprint()
    assert RunSettings().fingerprint() == load_settings([Path("nightly")], []).fingerprint()


def test_a_night_reads_with_the_best_engine() -> None:
    """`nightly` does not take the engine of the machine's GPU away: it leaves it to be chosen."""
    assert load_settings([Path("nightly")], []).engine == RunSettings().engine


def test_the_last_of_several_files_wins(tmp_path: Path) -> None:
    """Files are merged in their order, each with what it extends; `--set` comes on top."""
    written(tmp_path, '[raster]\ndpi = 100\nmemory_mb = 1000\n[input]\ninclude = ["a"]\n', "first.toml")
    second = written(tmp_path, 'extends = "first.toml"\n[raster]\ndpi = 120\n[input]\ninclude = ["b"]\n', "second.toml")
    third = written(tmp_path, "[workers]\nengines = 3\n[raster]\nmemory_mb = 2000\n", "third.toml")
    made = load_settings([second, third], ["workers.engines=4"])
    other = load_settings([third, second], [])

    assert (120, 2000, ("b",), 4) == (made.raster.dpi, made.raster.memory_mb, made.input.include, made.workers.engines)
    assert (120, 1000, 3) == (other.raster.dpi, other.raster.memory_mb, other.workers.engines)


def test_a_complaint_names_the_file_that_set_it(tmp_path: Path) -> None:
    """Of several files the one is named whose value is wrong, not one that it overrides."""
    good = written(tmp_path, "[raster]\ndpi = 100\n", "good.toml")
    bad = written(tmp_path, "[raster]\ndpi = 5\n", "bad.toml")
    with pytest.raises(SettingsError) as caught:
        load_settings([good, bad], [])

    assert "bad.toml: raster.dpi" in str(caught.value)
    assert "good.toml" not in str(caught.value)


def test_printed_settings_describe_themselves() -> None:
    """Every setting is printed under its description; passwords are only counted."""
    secret = InputSettings.model_validate({"passwords": ["hunter2", "hunter3"]})
    text = print_settings(RunSettings(input=secret))
    joined = " ".join(line.removeprefix("# ") for line in text.splitlines())
    for _, name, info in FIELDS:
        assert f"{info.description} " in joined
        assert f"{name} " in joined
    assert "hunter" not in text
    assert "# passwords = [...]: 2 given, not printed here" in text


def test_settings_that_may_be_unset_are_unset_by_default() -> None:
    """TOML has no null: an unset setting can only be printed by leaving it out."""
    for section, name, info in FIELDS:
        optional = type(None) in getattr(info.annotation, "__args__", ())

        assert not optional or info.default is None, f"{section}.{name}"


RUNGS = (
    OWN,
    Rung(handles=("low_confidence", "empty_output"), turn=180),
    Rung(dpi=216, max_tiles=12, prompt="free_ocr", temperature=0.25),
    Rung(engine="endpoint", urls=("http://a:1/v1", 'http://"b"'), profile="olmocr-2-7b"),
)


def values_of(info: FieldInfo) -> st.SearchStrategy[Any]:
    if info.annotation == tuple[Rung, ...]:
        return st.lists(st.sampled_from(RUNGS)).map(tuple)
    if not info.metadata:
        return st.from_type(cast("Any", info.annotation))
    kinds = [kind for kind in get_args(info.annotation) if kind is not NoneType] or [info.annotation]
    bounded: Any = [Annotated[(kind, *info.metadata)] for kind in kinds]
    return st.one_of(*map(st.from_type, bounded), *([st.none()] if info.default is None else []))


def test_a_profile_is_printed_as_its_name_and_a_key_is_not(tmp_path: Path) -> None:
    """A shipped profile and one in a file are read back with the same content; of a key only that there is one."""
    own = written(tmp_path, 'prompt = "Read."\n[image]\ndpi = 200\n', "own.toml")
    for name in ("lightonocr-2-1b", str(own)):
        made = load_settings([], [f"engine.endpoint.profile={name}", "engine.endpoint.api_key=sk-1"])
        printed = print_settings(made)
        read = load_settings([written(tmp_path, printed)], [])

        assert "sk-1" not in printed
        assert "# api_key = ...: given, not printed here" in printed
        assert (name, made.engine.endpoint.profile) == (
            read.engine.endpoint.profile and read.engine.endpoint.profile.source,
            read.engine.endpoint.profile,
        )


@settings(max_examples=150)
@given(st.data(), st.lists(st.sampled_from(range(len(PRINTABLE))), max_size=5, unique=True))
def test_printed_settings_read_back_the_same(data: st.DataObject, chosen: list[int]) -> None:
    """Whatever the settings are, what is printed is read back to the same settings."""
    tables: dict[str, Any] = {}
    for section, name, info in [PRINTABLE[number] for number in chosen]:
        table = tables
        for part in section:
            table = table.setdefault(part, {})
        table[name] = data.draw(values_of(info), label=f"{section}.{name}")
    try:
        made = RunSettings.model_validate(tables)
    except ValidationError:
        assume(False)
        return
    with tempfile.TemporaryDirectory() as folder:
        assert made == load_settings([written(Path(folder), print_settings(made))], [])


@settings(max_examples=150)
@given(st.binary(max_size=60), st.text(max_size=30))
def test_no_bytes_make_loading_raise_anything_else(data: bytes, override: str) -> None:
    """Whatever stands in a file or an override, it is taken or complained about."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.toml")
        path.write_bytes(data)
        for config, overrides in ((path, []), (None, [override]), (None, [f"raster.dpi={override}"])):
            with suppress(SettingsError):
                load_settings([] if config is None else [config], overrides)
