"""The engine against a real server on loopback: its faults are waited out, a page's own become its outcome."""

import itertools
import threading
import time
from collections import Counter
from itertools import chain

import numpy as np
import pytest
from endpoint_pages import engine_settings, read_pages
from model_server import (
    KNOWN_TEXT,
    Answer,
    Asked,
    Drop,
    Hang,
    HangUp,
    Loop,
    Raw,
    Say,
    Status,
    model_card,
    serving_model,
)
from ports import free_port

from ocrmill.pipeline.errors import EngineError
from ocrmill.pipeline.records import EngineDown, Failure, PageText, Reason, RetryParams
from ocrmill.workers.engines.endpoint.answer import MOST_ANSWER_BYTES, EventLines
from ocrmill.workers.engines.endpoint.in_flight_limit import START

PAGES = range(1, 13)


def number_of(asked: Asked) -> int:
    """The number that a page of `numbered_page` shows; 0 for the page of known text."""
    row = np.asarray(asked.image().convert("L"))[-10]
    if len(row) < 256 or asked.is_known_page:
        return 0
    return sum(1 << bit for bit in range(16) if row[bit * 16 + 8] < 128)


def says_number(asked: Asked) -> Say:
    """Answer with the number on the page."""
    number = number_of(asked)
    return Say(f"page {number} of them" if number else KNOWN_TEXT)


def texts(outcomes: list[PageText | Failure | EngineDown]) -> list[str]:
    assert all(isinstance(outcome, PageText) for outcome in outcomes), outcomes
    return [outcome.markdown for outcome in outcomes if isinstance(outcome, PageText)]


ALL = [f"page {number} of them" for number in PAGES]


def test_pages_are_read_side_by_side_and_none_is_mixed_up() -> None:
    """Sixty pages at once, each with its number in it: each number comes back on its own page."""
    with serving_model(lambda asked: Say(says_number(asked).text, at_once=START)) as server:
        outcomes = read_pages(engine_settings(server.url), range(1, 61))

    assert [f"page {number} of them" for number in range(1, 61)] == texts(outcomes)
    assert server.most_at_once >= START
    (first, *_) = outcomes
    assert isinstance(first, PageText)
    assert (first.finish_reason, first.prompt_tokens, first.raw) == ("stop", 1000, "page 1 of them")


FAULTS: dict[str, Answer] = {
    "429 with Retry-After": Status(429, {"Retry-After": "0"}),
    "503": Status(503),
    "500": Status(500),
    "a redirect": Status(302, {"Location": "http://localhost/login"}),
    "nothing to say": Status(204),
    "the model is lost": Status(404, message="The model does not exist."),
    "drop in mid-stream": Drop(),
    "not a word": HangUp(),
    "garbage": Raw(b"data: {not json}\n\n"),
    "a choice that is none": Raw(b'data: {"choices": ["x"]}\n\n'),
    "a message that is none": Raw(b'data: {"choices": [{"delta": "x"}]}\n\n'),
    "an error in the stream": Raw(b'data: {"error": {"message": "EngineCore died"}}\n\n'),
    "an end without a reason": Say("half", finish_reason=None),
    "given up": Say("half", finish_reason="abort"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_server_costs_no_page(fault: str) -> None:
    """Every third request fails, in each way there is: all pages are read, and none is blamed."""
    with serving_model(lambda asked: FAULTS[fault] if asked.number % 3 == 1 else says_number(asked)) as server:
        assert ALL == texts(read_pages(engine_settings(server.url), PAGES))


def test_a_server_that_is_down_for_a_while_is_waited_for() -> None:
    """All requests fail for a second: the server gets single pages of known text, and no page of ours meanwhile."""
    until = time.monotonic() + 1.0

    def answer(asked: Asked) -> Answer:
        return Status(500) if time.monotonic() < until else says_number(asked)

    with serving_model(answer) as server:
        assert ALL == texts(read_pages(engine_settings(server.url), PAGES))

    failed = [asked for asked in server.asked if asked.at < until]
    assert {number_of(asked) for asked in failed[len(PAGES) :]} <= {0}


def test_a_server_that_restarts_is_found_again() -> None:
    """The server goes away with pages in work and comes back on its port: all pages are read."""
    with serving_model(lambda asked: Say(says_number(asked).text, pause_s=0.3), port=free_port()) as first:
        found: list[list[PageText | Failure | EngineDown]] = []
        reading = threading.Thread(target=lambda: found.append(read_pages(engine_settings(first.url), PAGES)))
        reading.start()
        while len(first.asked) < len(PAGES):
            time.sleep(0.01)
    time.sleep(0.3)
    with serving_model(says_number, port=first.port):
        reading.join(50)

    assert ALL == texts(found[0])


def test_a_server_that_hangs_loses_its_pages_to_another() -> None:
    """One of two servers takes requests and says nothing: the other one reads all pages."""
    with serving_model(lambda _: Hang()) as hangs, serving_model(says_number) as works:
        outcomes = read_pages(engine_settings(hangs.url, works.url, timeout_s=3.0), PAGES)

    assert ALL == texts(outcomes)
    assert hangs.asked


def test_a_server_that_asks_for_a_rest_gets_it() -> None:
    """After a 429 with Retry-After no request comes before that time."""
    first = itertools.count()
    with serving_model(
        lambda asked: Status(429, {"Retry-After": "1"}) if next(first) == 0 else says_number(asked)
    ) as server:
        assert ["page 1 of them"] == texts(read_pages(engine_settings(server.url), [1]))

    refused, again = server.asked
    assert again.at - refused.at >= 1.0


def test_storms_of_429_are_bounded_by_time_and_not_by_attempts() -> None:
    """Nine of ten requests are refused: every page is read in the end, however often it is sent."""
    with serving_model(
        lambda asked: says_number(asked) if asked.number % 10 == 0 else Status(429, {"Retry-After": "0"})
    ) as server:
        assert ALL == texts(read_pages(engine_settings(server.url), PAGES))

    assert max(Counter(map(number_of, server.asked)).values()) > 4


def test_without_any_server_the_run_ends() -> None:
    """No server makes progress with any page for `outage_s`: the engine is down for good, no page has failed."""
    with serving_model(lambda _: Status(500, message="no GPU")) as server:
        outcomes = read_pages(engine_settings(server.url, outage_s=0.5), PAGES)

    assert all(isinstance(outcome, EngineDown) and outcome.is_final for outcome in outcomes)
    assert isinstance(outcomes[0], EngineDown)
    assert "no GPU" in outcomes[0].detail


def test_a_key_that_expires_ends_the_run() -> None:
    """401 in mid-run is no page's fault: the engine is down for good, and says why."""
    with serving_model(lambda _: Status(401, message="expired")) as server:
        (outcome,) = read_pages(engine_settings(server.url), [1])

    assert isinstance(outcome, EngineDown)
    assert outcome.is_final
    assert "the key is not accepted" in outcome.detail


def test_a_page_that_ends_every_server_is_blamed_alone() -> None:
    """Each time page 5 is asked for, the server breaks off all that it has: page 5 fails, all others are read."""
    broken = threading.Event()

    def answer(asked: Asked) -> Answer:
        number = number_of(asked)
        if number == 5:
            broken.set()
            return Drop()
        if number == 0:
            broken.clear()
        return Drop() if broken.is_set() else Say(f"page {number} of them" if number else KNOWN_TEXT, wait_s=0.02)

    with serving_model(answer) as server:
        outcomes = read_pages(engine_settings(server.url), PAGES)

    bad = outcomes.pop(4)
    assert isinstance(bad, Failure)
    assert (bad.reason, "on good servers" in bad.detail) == (Reason.ENGINE_CRASH, True)
    assert texts(outcomes) == [text for text in ALL if text != "page 5 of them"]


def test_a_page_that_no_server_answers_times_out() -> None:
    """The server is silent at page 5 and reads others: after a second try page 5 has timed out."""
    with serving_model(lambda asked: Hang() if number_of(asked) == 5 else says_number(asked)) as server:
        outcomes = read_pages(engine_settings(server.url, timeout_s=3.0), PAGES)

    bad = outcomes.pop(4)
    assert isinstance(bad, Failure)
    assert bad.reason is Reason.ENGINE_TIMEOUT
    assert 11 == len(texts(outcomes))


def test_a_page_has_a_deadline() -> None:
    """A page whose requests always fail on a server that reads others ends when its time is up, at the latest."""
    with serving_model(lambda asked: Say("x" * 4000, pause_s=0.05)) as server:
        (outcome,) = read_pages(engine_settings(server.url, page_deadline_s=1.0), [1])

    assert isinstance(outcome, Failure)
    assert outcome.reason is Reason.ENGINE_TIMEOUT


@pytest.mark.parametrize("begin", [b"data: ", b'{"choices": ['], ids=["a line", "an object"])
def test_an_answer_without_end_is_given_up(begin: bytes) -> None:
    """A line that never ends takes time as it is long, is given up at a bound, and costs no page."""
    kind = "application/json" if begin.startswith(b"{") else "text/event-stream"
    endless = Raw(begin + bytes(MOST_ANSWER_BYTES), kind)
    with serving_model(lambda asked: endless if asked.number == 1 else says_number(asked)) as server:
        assert ["page 1 of them"] == texts(read_pages(engine_settings(server.url), [1]))
    lines = EventLines()
    with pytest.raises(ValueError, match="more than 67,108,864 bytes"):
        list(chain.from_iterable(lines.events(bytes(1 << 14)) for _ in range(MOST_ANSWER_BYTES)))


OUTCOMES: dict[str, tuple[Answer, Reason, str]] = {
    "refusal": (Say("", refusal="I cannot help with that."), Reason.REFUSED, "I cannot help"),
    "content filter": (Say("", finish_reason="content_filter"), Reason.REFUSED, "content_filter"),
    "nothing": (Say(""), Reason.EMPTY_OUTPUT, "nothing"),
    "thoughts": (Say("", reasoning="Let me look."), Reason.EMPTY_OUTPUT, "12 characters of reasoning"),
    "a bad request": (Status(400, message="image too large"), Reason.ENGINE_ERROR, "image too large"),
}


@pytest.mark.parametrize("case", OUTCOMES)
def test_what_is_the_pages_own_is_its_outcome(case: str) -> None:
    """A refusal, an empty answer and a request that is not accepted fail the page at once, each with its reason."""
    answer, reason, said = OUTCOMES[case]
    with serving_model(lambda _: answer) as server:
        (outcome,) = read_pages(engine_settings(server.url), [1])

    assert isinstance(outcome, Failure)
    assert (outcome.reason, len(server.asked)) == (reason, 1)
    assert said in outcome.detail


@pytest.mark.parametrize("answer", [Say("cut", finish_reason="length"), Say("cut", output_tokens=8000)])
def test_an_answer_at_the_limit_is_cut_off(answer: Say) -> None:
    """`length`, and a server that says `stop` at the limit of tokens: both are cut off, never taken as whole."""
    with serving_model(lambda _: answer) as server:
        (outcome,) = read_pages(engine_settings(server.url), [1])

    assert isinstance(outcome, PageText)
    assert outcome.finish_reason == "length"


def test_a_loop_is_stopped_while_it_is_written() -> None:
    """A page that repeats itself for ever ends with `repetition`, and its connection is closed."""
    with serving_model(lambda _: Loop()) as server:
        (outcome,) = read_pages(engine_settings(server.url), [1])

    assert isinstance(outcome, PageText)
    assert outcome.finish_reason == "repetition"
    assert len(outcome.markdown) < 20_000


def test_a_server_that_does_not_stream_is_read_all_the_same() -> None:
    """An answer that comes as one object of JSON is an answer."""
    with serving_model(lambda _: Say("all at once", stream=False)) as server:
        assert ["all at once"] == texts(read_pages(engine_settings(server.url), [1]))


def test_a_further_attempt_has_its_own_temperature() -> None:
    """The temperature of the retry goes to the server, everything else stays."""
    params = RetryParams(frozenset({Reason.REPETITION}), 0, 1, temperature=0.5)
    with serving_model(says_number) as server:
        read_pages(engine_settings(server.url), [1])
        read_pages(engine_settings(server.url), [1], params)

    usual, again = (asked.body for asked in server.asked)
    assert (usual.pop("temperature"), again.pop("temperature")) == (0.2, 0.5)
    assert usual == again


def test_a_page_of_known_text_comes_first() -> None:
    """The first request is the page of known text; a server that reads it gets ours."""
    with serving_model(lambda asked: Say(KNOWN_TEXT)) as server:
        read_pages(engine_settings(server.url, check_page=True), [1])

    assert [True, False] == [asked.is_known_page for asked in server.asked]


@pytest.mark.parametrize(
    ("answer", "suspect"),
    [
        (Say(""), "a literal image token may be missing"),
        (Say("", reasoning="hm"), "enable_thinking = false"),
        (Say("!!!!!!!!"), "One character again and again"),
        (Say("I see no image. What shall I do?"), "The image may not have reached the model"),
    ],
)
def test_a_profile_that_is_wrong_in_silence_is_named(answer: Say, suspect: str) -> None:
    """A server that answers 200 and does not read the known page is refused, with the field that explains it."""
    with (
        serving_model(lambda _: answer) as server,
        pytest.raises(EngineError, match="with the profile lightonocr-2-1b") as caught,
    ):
        read_pages(engine_settings(server.url, check_page=True), [1])
    assert suspect in str(caught.value)


def test_the_key_is_sent_and_never_said(caplog: pytest.LogCaptureFixture) -> None:
    """The key goes into the header alone: not into logs, errors, or what is printed of the settings."""
    settings = engine_settings("http://user:hidden@127.0.0.1:9/v1", api_key="sk-hidden")
    assert "hidden" not in repr(settings.endpoint.api_key)
    with serving_model(says_number, key="sk-hidden") as server:
        caplog.set_level("DEBUG", "ocrmill")
        settings = engine_settings(server.url, api_key="sk-hidden")
        assert ["page 1 of them"] == texts(read_pages(settings, [1]))
        with pytest.raises(EngineError, match="OCRMILL_API_KEY") as caught:
            read_pages(engine_settings(server.url, api_key="sk-other"), [1])

    assert "sk-" not in f"{caught.value} {caplog.text} {settings!r} {settings.model_dump_json()}"


def test_the_model_is_found_by_the_only_name() -> None:
    """A server that has one model under a name of its own is asked for that."""
    with serving_model(says_number, models=[model_card("mine")]) as server:
        read_pages(engine_settings(server.url), [1])

    assert server.asked[0].body["model"] == "mine"
