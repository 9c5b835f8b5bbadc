"""The figures of a run against the bands of the settings."""

from collections.abc import Iterator

from ocrmill.configs.alarm_settings import AlarmSettings
from ocrmill.pipeline.alarms import Alarm
from ocrmill.pipeline.degenerate_rates import interval
from ocrmill.pipeline.run_report import RunReport


def alarms_of(report: RunReport, bands: AlarmSettings) -> tuple[Alarm, ...]:
    """Return the figures that are outside their bands; none if the run has fewer than `min_pages` pages.

    A document that failed has no pages, and counts as one that failed.

    A share is outside if the whole of its Wilson interval (95 %) is. Pages of one document resemble each other more
    than the interval assumes, so that a run of a few long documents may raise an alarm that more documents would not.
    """
    if report.results < bands.min_pages:
        return ()
    return tuple(alarm for alarm in _figures(report, bands) if alarm.high < alarm.least or alarm.low > alarm.most)


def _figures(report: RunReport, bands: AlarmSettings) -> Iterator[Alarm]:
    """Yield all figures with their bands."""
    pages, results, total = report.pages_done, report.results, report.rates.total
    shares = [
        ("repetition_rate", total.kept, total.pages),
        ("failure_rate", report.failures, results),
        ("flagged_share", report.flagged, pages),
        ("ocr_share", report.ocr_pages, report.routes.total()),
    ]
    for measure, count, of_pages in shares:
        yield Alarm(measure, count / max(1, of_pages), *interval(count, of_pages), *getattr(bands, measure))
    reason, count = next(iter(report.result_reasons.most_common(1)), (None, 0))
    yield Alarm("reason_share", count / results, *interval(count, results), *bands.reason_share, of=reason)
    speed = pages / max(report.wall_s, 1e-9)
    yield Alarm("pages_per_s", speed, speed, speed, *bands.pages_per_s)
