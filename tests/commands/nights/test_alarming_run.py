"""A run outside its band says so everywhere: report, log, record and program; the next night's does not."""

import json
import sys
from pathlib import Path

import pytest
from pdfs import text_pdf

from ocrmill.commands.nights.drifts import nights_text, read_nights, since
from ocrmill.commands.run import Job, run
from ocrmill.configs.load import load_settings
from ocrmill.pipeline.output.stores.open import open_output


def test_a_run_outside_its_band_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two pages that need no OCR are outside a band that asks for it; a night without news is outside no band."""
    text_pdf(tmp_path / "a.pdf", pages=2)
    told, out = tmp_path / "told.json", tmp_path / "out"
    tell = [sys.executable, "-c", "import sys; open(sys.argv[1], 'w').write(sys.stdin.read())", str(told)]
    bands = ["ocr_share=[0.9, 1.0]", "min_pages=2", f"command={json.dumps(tell)}"]
    settings = load_settings([], [f"alarms.{band}" for band in bands])
    first, second = (run(Job((str(tmp_path / "a.pdf"),), str(out), settings, use_ray=False)) for _ in range(2))

    assert (first.exit_code, second.exit_code) == (4, 0)
    sentence = "ocr_share is 0.00% (0.00% to 65.76%), outside 90.00% to 100.00%"
    assert f"alarm        {sentence}\n" in first.to_text("out")
    assert f"alarm: {sentence}" in caplog.text
    store = open_output(str(out), settings.storage)
    records = [json.loads(store.read(name)) for name in store.list("runs", ".json")]
    (record,) = (each for each in records if each["totals"]["pages"])
    assert (record["exit_code"], record["totals"]["alarms"]) == (4, json.loads(told.read_text())["alarms"])
    lines = nights_text(read_nights(store, since("1d", store.now()))).splitlines()
    assert [line.endswith("exit code 4, alarms: ocr_share") for line in lines] == [False, True]
