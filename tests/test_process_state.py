"""A test finds its process as if it were the first: what others set there is given back, whatever their order."""

import logging
import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from process_state import keeping_loggers, keeping_process

from ocrmill.workers.logging import start_logging


def test_what_a_file_of_tests_sets_is_given_back(tmp_path: Path) -> None:
    """Environment, current folder, umask and handlers are those of before, after a failure too."""

    def state() -> tuple[object, ...]:
        mask = os.umask(0o077)
        os.umask(mask)
        return dict(os.environ), Path.cwd(), mask, signal.getsignal(signal.SIGTERM)

    def set_much() -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"
        del os.environ["PATH"]
        os.chdir(tmp_path)
        os.umask(0o123)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert not any(now == then for now, then in zip(state(), before, strict=True))
        raise ValueError("a failure")

    before = state()
    with pytest.raises(ValueError, match="a failure"), keeping_process():
        set_much()

    assert state() == before


def test_examples_are_the_same_on_a_slow_machine() -> None:
    """An example may take longer than Hypothesis gives it by default, 0.2 s, and a run draws those of the last one."""
    suite = settings()
    assert (suite.deadline, suite.derandomize) == (None, True)
    assert HealthCheck.too_slow in suite.suppress_health_check


def test_a_command_in_this_process_leaves_messages_to_the_next_test(caplog: pytest.LogCaptureFixture) -> None:
    """After the command line has taken our loggers for itself, a message reaches `caplog` again."""
    with keeping_loggers():
        start_logging(as_json=True)
        assert not logging.getLogger("ocrmill").propagate
    logging.getLogger("ocrmill.pipeline").warning("a word")

    assert caplog.messages == ["a word"]
