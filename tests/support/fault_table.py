"""The table of faults that `pytest -m fault --fault-table docs/faults.md` tried, and what came of each."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import pytest

BEGIN, END = "<!-- faults: written by `make faults` -->", "<!-- end of faults -->"
FAULT = "fault"  # the marker, and the name under which a report carries what was done


class FaultTable:
    """A pytest plugin that collects the outcome of each test marked as a fault, and writes them into a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: dict[str, tuple[str, float]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        """Have each report carry the first line of its test's docstring, and the parameters."""
        for item in items:
            if item.get_closest_marker(FAULT):
                said = (item.function.__doc__ or item.name).strip().splitlines()[0].rstrip(".")
                case = f" ({item.callspec.id})" if hasattr(item, "callspec") else ""
                item.user_properties.append((FAULT, said + case))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note an outcome; a teardown that fails counts against its test."""
        properties = {str(name): value for name, value in report.user_properties}
        fault = properties.get(FAULT)
        if fault is None or (report.when != "call" and report.outcome == "passed"):
            return
        outcome = {"passed": "survived", "failed": "**not survived**", "skipped": "not tried"}[report.outcome]
        self._outcomes[str(fault)] = outcome, report.duration

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Put the table between its marks, if anything was tried; of several test processes, the first one does it."""
        if not self._outcomes or hasattr(session.config, "workerinput"):
            return
        outcomes = sorted(self._outcomes.items())
        rows = [f"| {fault} | {outcome} | {seconds:.0f} |" for fault, (outcome, seconds) in outcomes]
        survived = sum(outcome == "survived" for outcome, _ in self._outcomes.values())
        where = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        text = (
            f"{BEGIN}\n{survived} of {len(rows)} survived, {datetime.now(UTC):%Y-%m-%d}, on {where}.\n\n"
            "| fault | outcome | seconds |\n|---|---|---|\n" + "\n".join(rows) + f"\n{END}"
        )
        before, _, rest = self._path.read_text(encoding="utf-8").partition(BEGIN)
        self._path.write_text(before + text + rest.partition(END)[2], encoding="utf-8")
