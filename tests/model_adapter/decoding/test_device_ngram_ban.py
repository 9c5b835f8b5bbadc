"""The no-repeat-n-gram rule on the device, in vLLM's own sampler of the V2 runner, as far as that runs on a CPU."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ngram_rules import Rule, banned_by_rule, rules, small_ids

torch = pytest.importorskip("torch")
pytest.importorskip("vllm")

from vllm import SamplingParams  # noqa: E402
from vllm.exceptions import VLLMValidationError  # noqa: E402
from vllm.v1.sample.logits_processor import BatchUpdate  # noqa: E402
from vllm.v1.worker.gpu.sample.logits_processor import (  # noqa: E402
    build_custom_logits_processors,
    build_custom_logits_processors_params_validator,
)

from ocrmill.model_adapter.decoding.ngram_ban import NGramBan  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # vLLM's own imports warn

NAME = "ocrmill.model_adapter.decoding.device_ngram_ban:DeviceNGramBan"
SLOTS, LONGEST, VOCABULARY = 6, 96, 12
PROMPT = [3, 3, 3, 0, 1, 0, 1]  # repeats, so that a history with the prompt in it would show
CONFIG = SimpleNamespace(reasoning_config=None, scheduler_config=SimpleNamespace(max_num_seqs=SLOTS))
CPU = torch.device("cpu")


class V2Runner:
    """The state of vLLM's V2 runner, its sampler and our processor in it, loaded by its name.

    Written into directly are the tables that vLLM fills with Triton kernels: the ids and their number.
    """

    def __init__(self) -> None:
        from vllm.v1.worker.gpu.sample.sampler import Sampler
        from vllm.v1.worker.gpu.states import RequestState

        self.states = RequestState(SLOTS, LONGEST, LONGEST, 3, VOCABULARY, CPU)
        processors = build_custom_logits_processors(CONFIG, self.states, False, [NAME])
        self.sampler = Sampler(CONFIG, SLOTS, VOCABULARY, CPU, self.states, custom_logits_processors=processors)

    def join(self, slot: int, rule: Rule | None) -> None:
        self.states.prompt_len.np[slot] = len(PROMPT)
        self.states.prompt_len.copy_to_uva()
        self.sampler.add_request(slot, SamplingParams(temperature=0, extra_args=rule))
        self.sampler.apply_staged_writes()

    def bans(self, batch: list[tuple[int, list[int], list[int]]]) -> list[set[int]]:
        """List the banned tokens of each row; a request is a slot, its output and its drafts."""
        rows = []
        for place, (slot, output, drafts) in enumerate(batch):
            ids = PROMPT + output
            self.states.all_token_ids.gpu[slot] = 2  # what an earlier request may have left
            self.states.all_token_ids.gpu[slot, : len(ids)] = torch.tensor(ids)
            self.states.total_len.gpu[slot] = len(ids)
            for local, token in enumerate([ids[-1], *drafts]):
                rows.append((place, slot, len(ids) - 1 + local, token, local))
        _, slots, places, tokens, locals_ = map(torch.tensor, zip(*rows, strict=True))
        slots_of_requests = torch.tensor([slot for slot, _, _ in batch])
        before = torch.rand(len(rows), VOCABULARY)
        lengths = np.array([len(PROMPT) + len(output) + len(drafts) for _, output, drafts in batch])
        numbers = slots_of_requests.numpy()
        after = self.sampler.apply_sampling_params(
            before, slots, slots_of_requests, numbers, places, tokens.int(), locals_, lengths
        )
        is_banned = torch.isneginf(after)
        assert torch.equal(before[~is_banned], after[~is_banned])
        return [set(torch.nonzero(row).flatten().tolist()) for row in is_banned]


@pytest.fixture(autouse=True)
def without_pinned_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take vLLM's buffers for machines without pinned memory, which it takes a CPU to have."""
    from vllm.v1.worker.gpu import buffer_utils

    monkeypatch.setattr(buffer_utils, "is_uva_available", lambda: False)


requests = st.dictionaries(
    st.integers(0, SLOTS - 1),
    st.tuples(st.none() | rules, st.lists(small_ids, max_size=40), st.lists(small_ids, max_size=3)),
    min_size=1,
)


@settings(max_examples=60)
@given(batches=st.lists(requests, min_size=1, max_size=3), data=st.data())
def test_bans_are_the_official_rules_in_every_row(batches: list[Any], data: st.DataObject) -> None:
    """Each row is banned what the rule calls for after its output and the drafts before it, in any order of the slots.

    A slot that is used again keeps nothing of the request that had it.
    """
    runner = V2Runner()
    for batch in batches:
        for slot, (rule, _, _) in batch.items():
            runner.join(slot, rule)
        order = data.draw(st.permutations(list(batch)))
        expected = [
            set() if rule is None else banned_by_rule(output + drafts[:count], **rule)
            for rule, output, drafts in map(batch.get, order)
            for count in range(len(drafts) + 1)
        ]
        assert expected == runner.bans([(slot, *batch[slot][1:]) for slot in order])


@settings(max_examples=30)
@given(rule=rules, output=st.lists(small_ids, max_size=40))
def test_both_runners_ban_alike(rule: Rule, output: list[int]) -> None:
    """The processor of the V1 runner, which reads ids on the host, bans the same."""
    host = NGramBan(CONFIG, CPU, is_pin_memory=False)
    sampling = SamplingParams(temperature=0, extra_args=rule)
    host.update_state(BatchUpdate(1, removed=[], added=[(0, sampling, PROMPT, output)], moved=[]))
    banned = torch.isneginf(host.apply(torch.zeros(1, VOCABULARY)))
    runner = V2Runner()
    runner.join(0, rule)

    assert [set(torch.nonzero(banned[0]).flatten().tolist())] == runner.bans([(0, output, [])])


def test_a_prompt_that_is_read_in_parts_bans_nothing() -> None:
    """A row inside the prompt has no output yet, however the prompt repeats."""
    runner = V2Runner()
    runner.join(0, {"ngram_size": 2, "window_size": 5})
    ids = torch.tensor([0])
    after = runner.sampler.apply_sampling_params(
        torch.zeros(1, VOCABULARY), ids, ids, ids.numpy(), torch.tensor([3]), ids.int(), ids, np.array([4])
    )

    assert not torch.isneginf(after).any()


def test_no_operation_waits_for_the_device() -> None:
    """On the meta device nothing has a value: an operation that asks for one, or for a shape made of one, fails."""
    runner = V2Runner()
    runner.join(0, {"ngram_size": 3, "window_size": 9, "whitelist_token_ids": [1]})
    (processor,) = runner.sampler.logits_processors[3:]
    for tensor in (processor._ngram_s, processor._window_s, processor._whitelist_si, runner.states.prompt_len):
        tensor.gpu = tensor.gpu.to("meta")
    runner.states.all_token_ids.gpu = runner.states.all_token_ids.gpu.to("meta")
    processor._places_k = processor._places_k.to("meta")
    row = torch.zeros(1, dtype=torch.int64, device="meta")
    context = SimpleNamespace(
        expanded_idx_mapping=row, idx_mapping_np=np.zeros(1, int), expanded_local_pos=row, input_ids=row, pos=row
    )
    logits = torch.zeros(1, VOCABULARY, device="meta")

    assert logits is processor.apply(logits, context)


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        ({"ngram_size": 1}, "ngram_size"),
        ({"ngram_size": 20, "window_size": 19}, "window_size"),
        ({"ngram_size": 20, "whitelist_token_ids": list(range(65))}, "whitelist_token_ids"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(rule: Rule, key: str) -> None:
    """The request fails as it is admitted, by vLLM's own check of the processors that were named to it."""
    validate = build_custom_logits_processors_params_validator([NAME])
    with pytest.raises(VLLMValidationError, match=key):
        validate(SamplingParams(extra_args=rule))
