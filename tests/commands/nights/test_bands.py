"""A run is outside a band only if chance does not explain it, and then its report and its exit code say so."""

import pytest
from written_outputs import failed_page, page, page_row, source

from ocrmill.commands.nights.bands import alarms_of
from ocrmill.configs.alarm_settings import AlarmSettings
from ocrmill.configs.load import load_settings
from ocrmill.pipeline.errors import OcrmillError
from ocrmill.pipeline.records import Reason
from ocrmill.pipeline.rows import DocumentRow
from ocrmill.pipeline.run_report import RunReport


def report_of(pages: int, *, failed: int = 0, repetitive: int = 0) -> RunReport:
    """A run of one page a second."""
    report = RunReport(wall_s=float(pages))
    for number in range(1, pages + 1):
        content = page("text")
        if number <= failed:
            content = failed_page(Reason.ENGINE_TIMEOUT)
        elif number <= failed + repetitive:
            content = page("text", reason=Reason.REPETITION, flags=("repetition",))
        report.add_page(page_row("/in/a.pdf", number, pages, content))
    return report


def measures(report: RunReport, **bands: object) -> list[str]:
    return [alarm.measure for alarm in alarms_of(report, AlarmSettings.model_validate(bands))]


def test_without_bands_no_run_raises_an_alarm() -> None:
    """The default bands hold every run, also one in which everything failed."""
    assert measures(report_of(200, failed=200)) == []


def test_each_figure_has_its_band() -> None:
    """A figure above or below its band is an alarm of that name, and inside it is none."""
    report = report_of(400, failed=40, repetitive=80)

    assert measures(report, repetition_rate=[0.0, 0.05]) == ["repetition_rate"]
    assert measures(report, failure_rate=[0.0, 0.05]) == ["failure_rate"]
    assert measures(report, flagged_share=[0.5, 1.0]) == ["flagged_share"]
    assert measures(report, ocr_share=[0.0, 0.9]) == ["ocr_share"]
    assert measures(report, reason_share=[0.0, 0.1]) == ["reason_share"]
    assert measures(report, pages_per_s=[2.0, 10.0]) == ["pages_per_s"]
    assert measures(report, repetition_rate=[0.1, 0.3], failure_rate=[0.05, 0.15], pages_per_s=[0.5, 2.0]) == []


def test_few_pages_raise_no_alarm_by_chance() -> None:
    """A share whose interval reaches into the band is none, nor is a run of fewer pages than asked for."""
    assert measures(report_of(100, repetitive=7), repetition_rate=[0.0, 0.05]) == []
    assert measures(report_of(1000, repetitive=70), repetition_rate=[0.0, 0.05]) == ["repetition_rate"]
    assert measures(report_of(99, repetitive=99), repetition_rate=[0.0, 0.05]) == []
    assert measures(report_of(99, repetitive=99), repetition_rate=[0.0, 0.05], min_pages=99) == ["repetition_rate"]


def test_documents_without_pages_count_as_one_each() -> None:
    """A night whose documents cannot be opened is outside the bands of failures, though no page of it failed."""
    report = report_of(50)
    for number in range(100):
        report.add_document(DocumentRow(None, source(f"/in/{number}.pdf"), 0, "failed", Reason.ZERO_PAGES))

    assert measures(report, failure_rate=[0.0, 0.01]) == ["failure_rate"]
    assert measures(report, reason_share=[0.0, 0.1]) == ["reason_share"]
    assert alarms_of(report, AlarmSettings(reason_share=(0.0, 0.1)))[0].of == "zero_pages"
    assert measures(report, failure_rate=[0.0, 0.8], min_pages=150) == []


def test_the_commonest_reason_is_named() -> None:
    """The alarm says which reason so many pages have."""
    (alarm,) = alarms_of(report_of(200, failed=150), AlarmSettings(reason_share=(0.0, 0.2)))

    assert (alarm.of, alarm.to_text()) == (
        "engine_timeout",
        "reason_share of engine_timeout is 75.00% (68.57% to 80.49%), outside 0.00% to 20.00%",
    )


@pytest.mark.parametrize(
    ("stopped", "failed", "alarming", "code"),
    [(True, 3, True, 75), (False, 3, True, 4), (False, 0, True, 4), (False, 3, False, 3), (False, 0, False, 0)],
)
def test_exit_codes_have_their_order(*, stopped: bool, failed: int, alarming: bool, code: int) -> None:
    """Work that is left comes first, then an alarm, then failures."""
    report = report_of(200, failed=failed)
    report.stopped = stopped
    report.alarms = alarms_of(report, AlarmSettings(pages_per_s=(5.0, 9.0))) if alarming else ()

    assert report.exit_code == code
    assert ("alarm        pages_per_s is 1, outside 5 to 9" in report.to_text("OUT")) == alarming
    assert [alarm["measure"] for alarm in report.to_record()["alarms"]] == ["pages_per_s"] * alarming


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        ("alarms.repetition_rate=[0.5, 0.1]", "least, most"),
        ("alarms.failure_rate=[-0.1, 0.1]", "least, most"),
        ('alarms.webhook="https://example.org/hook"', "no band"),
        ('alarms.command=["notify"]', "no band"),
    ],
)
def test_bands_that_cannot_work_are_refused(sets: str, says: str) -> None:
    """A band upside down, or a notice without any band, is an error when settings are loaded."""
    with pytest.raises(OcrmillError, match=says):
        load_settings([], [sets])
