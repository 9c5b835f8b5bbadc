"""Alarms: figures of a run that lie outside their bands."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Alarm:
    """A figure outside its band. A share comes with its confidence interval; a speed is its own."""

    measure: str  # the name of the setting in [alarms]
    value: float
    low: float  # the interval of the value
    high: float
    least: float  # the band
    most: float
    of: str | None = None  # what the figure is of, where the name does not say it

    def to_text(self) -> str:
        """Return the alarm as a sentence."""
        name = self.measure + (f" of {self.of}" if self.of else "")
        if self.measure == "pages_per_s":
            return f"{name} is {self.value:.3g}, outside {self.least:g} to {self.most:g}"
        interval = f"({self.low:.2%} to {self.high:.2%})"
        return f"{name} is {self.value:.2%} {interval}, outside {self.least:.2%} to {self.most:.2%}"

    def to_record(self) -> dict[str, Any]:
        """Return plain values for the run's record, the log and the notice."""
        return {**asdict(self), "text": self.to_text()}
