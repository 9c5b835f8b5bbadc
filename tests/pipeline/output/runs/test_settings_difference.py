"""An output that was made with other settings says with which."""

import json
from pathlib import Path

import pytest

from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.runs.records import write_record
from ocrmill.pipeline.output.runs.settings_difference import describe_difference
from ocrmill.pipeline.output.stores.local import LocalStore


def changed(**sections: dict[str, object]) -> RunSettings:
    return RunSettings.model_validate(sections)


def recorded(tmp_path: Path, settings: RunSettings, name: str = "20260101-020000") -> LocalStore:
    store = LocalStore(tmp_path)
    record = {"settings_fingerprint": settings.fingerprint(), "settings": json.loads(settings.model_dump_json())}
    write_record(store, name, record)
    return store


def test_settings_that_differ_are_named_with_both_values(tmp_path: Path) -> None:
    """Only settings that change rows are named, each by its dotted name, with what it was and what it is."""
    before = changed(raster={"dpi": 144, "recycle_documents": 7}, routing={"mode": "ocr"})
    now = changed(raster={"dpi": 200}, engine={"deepseek_ocr2": {"model": "models/b"}})
    text = describe_difference(recorded(tmp_path, before), before.fingerprint(), now)

    assert "raster.dpi was 144 and is 200 now" in text
    assert 'routing.mode was "ocr" and is "auto" now' in text
    assert "engine.deepseek_ocr2.model was " in text
    assert "recycle_documents" not in text


def test_the_record_of_that_fingerprint_is_taken(tmp_path: Path) -> None:
    """Of several runs the one is compared that made the rows, not the last one."""
    older, newer = changed(raster={"dpi": 100}), changed(raster={"dpi": 120})
    recorded(tmp_path, older, "20260101-020000")
    store = recorded(tmp_path, newer, "20260102-020000")

    assert "raster.dpi was 100 and is 144 now" == describe_difference(store, older.fingerprint(), RunSettings())


def test_a_record_without_a_newer_setting_read_by_its_default(tmp_path: Path) -> None:
    """A setting that came later is not named where it has its default, and is where it has not."""
    store, before = recorded(tmp_path, RunSettings()), RunSettings()
    path = tmp_path / "runs" / "20260101-020000.json"
    record = json.loads(path.read_text())
    del record["settings"]["raster"]["max_side_px"]
    path.write_text(json.dumps(record))
    text = describe_difference(store, before.fingerprint(), changed(raster={"dpi": 200}))
    also = describe_difference(store, before.fingerprint(), changed(raster={"max_side_px": 1024}))

    assert "raster.dpi was 144 and is 200 now" == text
    assert "raster.max_side_px was 4096 and is 1024 now" == also


def test_settings_that_the_fingerprint_leaves_out_are_named(tmp_path: Path) -> None:
    """A setting that came later, and was changed, is named when it has its neutral value again."""
    (section, name, other), *_ = [
        (section, name, field)
        for section in ("raster", "routing", "engine", "quality")
        for name, field in type(getattr(RunSettings(), section)).model_fields.items()
        if isinstance(field.json_schema_extra, dict) and "as_before" in field.json_schema_extra
    ] or [pytest.skip("no setting of these sections came after the first release")]
    before = recorded(tmp_path, RunSettings())
    path = tmp_path / "runs" / "20260101-020000.json"
    record = json.loads(path.read_text())
    record["settings"][section][name] = "something else"
    path.write_text(json.dumps(record))

    text = describe_difference(before, RunSettings().fingerprint(), RunSettings())
    assert f'{section}.{name} was "something else" and is {json.dumps(other.default)} now' == text


@pytest.mark.parametrize("content", [None, "{ half", "[1]", '{"settings_fingerprint": "FP", "settings": 5}'])
def test_without_a_record_the_fingerprints_are_given(tmp_path: Path, content: str | None) -> None:
    """A record that is gone, damaged or of something else leaves the two fingerprints to tell."""
    if content is not None:
        (tmp_path / "runs").mkdir()
        (tmp_path / "runs" / "20260101-020000.json").write_text(content.replace("FP", "0123456789abcdef"))
    text = describe_difference(LocalStore(tmp_path), "0123456789abcdef", RunSettings())

    assert f"fingerprint 0123456789abcdef, now {RunSettings().fingerprint()}" == text


def test_many_differences_are_cut(tmp_path: Path) -> None:
    """A line stays readable: eight settings are named, and the others counted; values are printable and short."""
    before = changed(
        engine={"deepseek_ocr2": {"model": "m" * 500 + "\x1b[2J"}},
        raster={"dpi": 100, "max_side_px": 1000, "page_cpu_s": 5.0, "page_wall_s": 50.0, "memory_mb": 2000},
        quality={"tail_chars": 9000, "longest_run": 400, "repeated_chars": 900},
        routing={"min_words": 30},
    )
    text = describe_difference(recorded(tmp_path, before), before.fingerprint(), RunSettings())

    assert "; and 2 more" in text
    assert len(text) < 1000
    assert "\x1b" not in text
