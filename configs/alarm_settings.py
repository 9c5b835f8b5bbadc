"""The settings of alarms: bands that a run has to stay in, and where an alarm goes."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from ocrmill.configs.section import Settings, performance

ANY_SHARE = (0.0, 1.0)
ANY_RATE = (0.0, 1e9)


def _ascending(band: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= band[0] <= band[1]:
        raise ValueError(f"a band is [least, most], as in [0.0, 0.05], not {list(band)}")
    return band


Band = Annotated[tuple[float, float], AfterValidator(_ascending)]


class AlarmSettings(Settings):
    """Bands that a run has to stay in, as [least, most]; a run outside one ends with exit code 4.

    A share counts as outside if its whole confidence interval is, so that few pages raise no alarm by chance.
    """

    repetition_rate: Band = Field(
        ANY_SHARE,
        description="Of the pages from an engine, those whose kept text repeats itself or was cut off; published: "
        "0.0288.",
        json_schema_extra=performance(),
    )
    failure_rate: Band = Field(
        ANY_SHARE,
        description="Of the pages, those that failed. A document that failed has none, and counts as one.",
        json_schema_extra=performance(),
    )
    flagged_share: Band = Field(
        ANY_SHARE, description="Of the pages, those with a flag.", json_schema_extra=performance()
    )
    ocr_share: Band = Field(
        ANY_SHARE,
        description="Of the pages with a route, those that went to an engine.",
        json_schema_extra=performance(),
    )
    reason_share: Band = Field(
        ANY_SHARE,
        description="Of the same, those with the commonest reason: one cause behind many of them.",
        json_schema_extra=performance(),
    )
    pages_per_s: Band = Field(
        ANY_RATE,
        description="Pages a second over the whole run, its start included.",
        json_schema_extra=performance(),
    )
    min_pages: int = Field(
        100,
        ge=1,
        description="A run of fewer pages raises no alarm; a document that failed counts as one.",
        json_schema_extra=performance(),
    )
    webhook: SecretStr | None = Field(
        None,
        description="URL to which an alarm is sent as JSON; its `text` is what chat services show.",
        json_schema_extra=performance(),
    )
    command: tuple[str, ...] = Field(
        (),
        description="Program with its arguments that is started for an alarm; it gets the JSON on its stdin.",
        json_schema_extra=performance(),
    )
    notice_s: float = Field(
        30.0, gt=0, description="Seconds that the webhook or the command may take.", json_schema_extra=performance()
    )

    @property
    def has_bands(self) -> bool:
        """True if a run can be outside a band."""
        bands = (self.repetition_rate, self.failure_rate, self.flagged_share, self.ocr_share, self.reason_share)
        return self.pages_per_s != ANY_RATE or any(band != ANY_SHARE for band in bands)
