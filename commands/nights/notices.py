"""Notices of alarms: to a webhook, and to a program of the user's own.

A notice that cannot be given is a warning. The run is over and its rows are durable, so nothing else depends on it.
"""

import json
import logging
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from ocrmill.configs.alarm_settings import AlarmSettings
from ocrmill.configs.errors import words_of
from ocrmill.pipeline.alarms import Alarm
from ocrmill.pipeline.printable import printable_line

_LONGEST = 300  # characters of what a program says that are logged
_REFUSED = 400  # HTTP status from which an answer is a refusal
log = logging.getLogger(__name__)


def give_notice(alarms: Sequence[Alarm], settings: AlarmSettings, run_id: str, output: str) -> None:
    """Log each alarm, and tell the webhook and the command of the settings.

    Args:
        alarms: The alarms of a run, at least one.
        settings: The webhook and the command.
        run_id: The run.
        output: Its output, without secrets.
    """
    for alarm in alarms:
        log.warning("alarm: %s", alarm.to_text(), extra={"fields": {"event": "alarm", **alarm.to_record()}})
    notice = {
        "event": "alarm",
        "text": f"ocrmill, run {run_id} to {output}: {'; '.join(alarm.to_text() for alarm in alarms)}",
        "run_id": run_id,
        "output": output,
        "alarms": [alarm.to_record() for alarm in alarms],
    }
    if settings.webhook is not None:
        _post(settings.webhook.get_secret_value(), notice, settings.notice_s)
    if settings.command:
        _start(settings.command, notice, settings.notice_s)


def _post(url: str, notice: Mapping[str, Any], seconds: float) -> None:
    """Send a notice. The URL is never logged: chat services put their key into it."""
    import httpx

    try:
        answer = httpx.post(url, json=notice, timeout=seconds)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        log.warning(
            "alarms.webhook cannot be reached (%s): the alarm is in the run's record only", type(error).__name__
        )
        return
    if answer.status_code >= _REFUSED:
        log.warning("alarms.webhook answered %d: the alarm is in the run's record only", answer.status_code)


def _start(command: Sequence[str], notice: Mapping[str, Any], seconds: float) -> None:
    try:
        done = subprocess.run(
            command, input=json.dumps(notice).encode(), capture_output=True, timeout=seconds, check=False
        )
    except (OSError, ValueError) as error:
        log.warning("alarms.command %s cannot be started: %s", command[0], words_of(error))
    except subprocess.TimeoutExpired:
        log.warning("alarms.command %s took more than %g s (alarms.notice_s) and was ended", command[0], seconds)
    else:
        if done.returncode:
            said = printable_line(done.stderr.decode(errors="replace"), _LONGEST)
            log.warning("alarms.command %s ended with %d: %s", command[0], done.returncode, said)
