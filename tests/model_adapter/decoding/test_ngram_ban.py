"""The no-repeat-n-gram rule on a batch that vLLM fills, empties and reorders between any two steps."""

import sys
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from narrowed import present
from ngram_rules import Rule, banned_by_rule, rules, small_ids

torch = pytest.importorskip("torch")
pytest.importorskip("vllm")

from vllm import SamplingParams  # noqa: E402
from vllm.v1.sample.logits_processor import BatchUpdate, BatchUpdateBuilder, LogitsProcessors  # noqa: E402
from vllm.v1.sample.logits_processor import MoveDirectionality as Direction  # noqa: E402

from ocrmill.model_adapter.decoding.ngram_ban import NGramBan  # noqa: E402
from ocrmill.model_adapter.decoding.ngram_rule import read_rule  # noqa: E402

Request = tuple[Rule | None, list[int]]  # its rule, and the ids that it has written
MAX_ROWS = 6
VOCABULARY = 12
PROMPT = [3, 3, 3, 3, 3, 3, 3, 3]  # repeats, so that a history with the prompt in it would show


def new_processor() -> NGramBan:
    config = SimpleNamespace(scheduler_config=SimpleNamespace(max_num_seqs=MAX_ROWS))
    return NGramBan(config, torch.device("cpu"), is_pin_memory=False)


def params(rule: Rule | None) -> SamplingParams:
    return SamplingParams(temperature=0, extra_args=rule)


def bans(processor: NGramBan, num_rows: int = 1) -> list[set[int]]:
    """List the banned tokens of each row; all other logits must be as they were."""
    before = torch.rand(num_rows, VOCABULARY)
    after = processor.apply(before.clone())
    is_banned = torch.isneginf(after)
    assert torch.equal(before[~is_banned], after[~is_banned])
    return [set(torch.nonzero(row).flatten().tolist()) for row in is_banned]


def added(processor: NGramBan, rule: Rule | None, ids: list[int], row: int = 0) -> None:
    processor.update_state(BatchUpdate(row + 1, removed=[], added=[(row, params(rule), PROMPT, ids)], moved=[]))


@settings(max_examples=200)
@given(rule=rules, stream=st.lists(small_ids, max_size=40), already=st.integers(0, 20))
def test_bans_are_the_official_rules_at_every_step(rule: Rule, stream: list[int], already: int) -> None:
    """Whatever a request has written, and however much of it when it joins, exactly the rule's ids are banned."""
    ids = stream[:already]
    processor = new_processor()
    added(processor, rule, ids)
    assert [banned_by_rule(ids, **rule)] == bans(processor)
    for token in stream[already:]:
        ids.append(token)
        processor.update_state(None)
        assert [banned_by_rule(ids, **rule)] == bans(processor)


@settings(max_examples=100)
@given(rule=rules, stream=st.lists(small_ids, min_size=1, max_size=30), data=st.data())
def test_steps_without_a_token_and_cut_outputs_are_followed(rule: Rule, stream: list[int], data: st.DataObject) -> None:
    """A row that stands still, gains several ids at once or loses its last ones is banned what it now calls for."""
    ids: list[int] = []
    processor = new_processor()
    added(processor, rule, ids)
    for token in stream:
        change = data.draw(st.sampled_from([-3, -1, 0, 1, 1, 1, 2]))
        if change < 0:
            del ids[change:]
        ids.extend([token] * change)
        assert [banned_by_rule(ids, **rule)] == bans(processor)


class PersistentBatch:
    """Requests in rows as vLLM's `InputBatch` keeps them, with vLLM's own record of the changes.

    Its order: rows are removed, new requests fill the lowest empty ones, the last rows move down into the others, and
    the attention backend may swap what is left.
    """

    def __init__(self) -> None:
        self.rows: list[Request | None] = []
        self._record = BatchUpdateBuilder()

    @property
    def requests(self) -> list[Request]:
        """The requests of all rows; between two steps no row is empty."""
        return [present(row) for row in self.rows]

    def step(self, leaving: set[int], joining: list[Request], swaps: list[tuple[int, int]]) -> BatchUpdate | None:
        for row in leaving:
            self._record.removed_append(row)
            self.rows[row] = None
        for rule, ids in joining:
            row = self._record.pop_removed()
            if row is None:
                row = len(self.rows)
                self.rows.append(None)
            self.rows[row] = (rule, ids)
            self._record.added.append((row, params(rule), PROMPT, ids))
        self._condense()
        for one, other in swaps:
            self.rows[one], self.rows[other] = self.rows[other], self.rows[one]
            self._record.moved.append((one, other, Direction.SWAP))
        return self._record.get_and_reset(len(self.rows))

    def _condense(self) -> None:
        while self.rows and None in self.rows:
            if self.rows[-1] is None:
                self.rows.pop()
                continue
            empty = self._record.pop_removed()
            self.rows[empty] = self.rows[-1]
            self._record.moved.append((len(self.rows) - 1, empty, Direction.UNIDIRECTIONAL))
            self.rows.pop()


@settings(max_examples=100)
@given(data=st.data(), is_ahead=st.booleans())
def test_bans_follow_the_requests_through_the_batch(data: st.DataObject, is_ahead: bool) -> None:
    """Under any leaving, joining, preemption, moving and swapping, each row is banned what its own request calls for.

    Where vLLM schedules ahead, the newest id is a placeholder at `update_state` and known only at `apply`.
    """
    batch, processor = PersistentBatch(), new_processor()
    preempted: list[Request] = []
    for _ in range(data.draw(st.integers(1, 15))):
        sampled = [data.draw(small_ids) for _ in batch.rows]
        for (_, ids), token in zip(batch.requests, sampled, strict=True):
            ids.append(-1 if is_ahead else token)
        leaving = data.draw(st.sets(st.sampled_from(range(len(batch.rows))))) if batch.rows else set()
        pending = list(zip([ids for _, ids in batch.requests], sampled, strict=True))
        resumed, preempted = preempted, []
        for row in leaving:
            rule, ids = batch.requests[row]
            if data.draw(st.booleans()):
                preempted.append((rule, [*ids[:-1], sampled[row]]))
        space = MAX_ROWS - len(batch.rows) + len(leaving)
        joining = [*resumed, *[(data.draw(st.none() | rules), []) for _ in range(data.draw(st.integers(0, 2)))]][:space]
        count = len(batch.rows) - len(leaving) + len(joining)
        pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] != pair[1])
        swaps = data.draw(st.lists(pairs, max_size=2)) if count > 1 else []
        processor.update_state(batch.step(leaving, joining, swaps))
        for ids, token in pending:
            ids[-1] = token
        expected = [set() if rule is None else banned_by_rule(ids, **rule) for rule, ids in batch.requests]
        assert expected == bans(processor, len(batch.rows))


def test_a_longer_window_joins_and_leaves_a_batch() -> None:
    """Requests with other n-grams and windows keep their own rule while they share the batch."""
    short, long = {"ngram_size": 2, "window_size": 3}, {"ngram_size": 3, "window_size": 9}
    processor = new_processor()
    one, other = [0, 1, 0], [4, 5, 6, 7, 8, 4, 5]
    added(processor, short, one)
    assert [{1}] == bans(processor)
    added(processor, long, other, row=1)
    assert [{1}, {6}] == bans(processor, num_rows=2)
    one.append(2)
    other.append(9)
    assert [set(), set()] == bans(processor, num_rows=2)


def test_greedy_decoding_applies_it() -> None:
    """The ban is among the processors that vLLM runs before the argmax."""
    processor = new_processor()

    assert [processor] == LogitsProcessors([processor]).non_argmax_invariant


def test_a_request_without_the_keys_is_left_alone() -> None:
    """Without `ngram_size` nothing is banned, however often the text repeats."""
    for rule in (None, {}, {"window_size": 50}, {"other": 1}):
        processor = new_processor()
        added(processor, rule, [1] * 50)
        assert [set()] == bans(processor)


def test_the_window_defaults_to_vllms() -> None:
    """The keys mean what they mean to vLLM's own processor."""
    rule = read_rule(params({"ngram_size": 20, "whitelist_token_ids": [128821, 128822]}))

    assert rule is not None
    assert (20, 100, frozenset({128821, 128822})) == (rule.ngram_size, rule.window_size, rule.whitelist)


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        ({"ngram_size": 1}, "ngram_size"),
        ({"ngram_size": "20"}, "ngram_size"),
        ({"ngram_size": True}, "ngram_size"),
        ({"ngram_size": 20.0}, "ngram_size"),
        ({"ngram_size": 20, "window_size": 19}, "window_size"),
        ({"ngram_size": 20, "window_size": None}, "window_size"),
        ({"ngram_size": 20, "whitelist_token_ids": 128821}, "whitelist_token_ids"),
        ({"ngram_size": 20, "whitelist_token_ids": "128821"}, "whitelist_token_ids"),
        ({"ngram_size": 20, "whitelist_token_ids": ["<td>"]}, "whitelist_token_ids"),
        ({"ngram_size": 20, "whitelist_token_ids": [-1]}, "whitelist_token_ids"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(rule: Rule, key: str) -> None:
    """The request fails with the name of the key, instead of running without the ban."""
    with pytest.raises(ValueError, match=key):
        NGramBan.validate_params(params(rule))


def test_ids_that_vllm_has_not_filled_in_are_an_error() -> None:
    """A placeholder left at `apply` would switch the ban off unseen."""
    processor = new_processor()
    ids: list[int] = []
    added(processor, {"ngram_size": 3, "window_size": 9}, ids)
    ids.append(-1)
    with pytest.raises(RuntimeError, match="logits_processors"):
        bans(processor)


def test_what_compiles_the_rule_leaves_vllm_able_to_start() -> None:
    """On a CPU vLLM's worker looks for kernels in the `__dict__` of all that modules hold, each time it starts."""
    held = [
        value for name, module in list(sys.modules.items()) if "llvmlite" in name for value in vars(module).values()
    ]

    assert any(type(value).__name__ == "_lib_wrapper" for value in held)
    assert {vars(value).get("kernel") for value in held if hasattr(value, "__dict__")} == {None}
