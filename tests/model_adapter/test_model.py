"""The model in a vLLM engine on CPU: pages in, tokens out; and how its weights get there."""

from __future__ import annotations  # torch need not be there

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
from checkpoint_forms import ChangeConfig, WithConfig
from PIL import Image

if TYPE_CHECKING:
    import torch

    from ocrmill.model_adapter.vision.encoder import DeepEncoderV2

from ocrmill.model_adapter.lora.halves import split_adapter
from ocrmill.model_adapter.prompts import prompt_text
from ocrmill.model_adapter.views import cut_views
from ocrmill.pipeline.records import RGB

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]  # vLLM's imports warn; engines take time to start

IMAGE_ID = 128815
NUM_TOKENS = 8


def generate(llm: Any, images: Sequence[object], **kwargs: Any) -> list[Any]:
    """Greedy output per image."""
    from vllm import SamplingParams

    greedy = SamplingParams(temperature=0.0, max_tokens=NUM_TOKENS, skip_special_tokens=False, ignore_eos=True)
    requests = [{"prompt": prompt_text(), "multi_modal_data": {"image": image}} for image in images]
    return list(llm.generate(requests, greedy, use_tqdm=False, **kwargs))


def tokens(outputs: list[Any]) -> list[list[int]]:
    return [list(output.outputs[0].token_ids) for output in outputs]


def noise(width: int, height: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def count_encoder_calls(worker: Any) -> None:
    """Runs in the engine: remember the shapes of each call."""
    encoder = worker.model_runner.model.encoder
    encoder.calls = []
    forward = type(encoder).forward

    def counted(global_views: torch.Tensor, tiles: torch.Tensor, tiles_per_page: list[int], columns: list[int]) -> Any:
        shapes = {"global_views": list(global_views.shape), "tiles": list(tiles.shape)}
        encoder.calls.append({**shapes, "tiles_per_page": tiles_per_page, "dtype": str(tiles.dtype)})
        return forward(encoder, global_views, tiles, tiles_per_page, columns)

    encoder.forward = counted


def encoder_calls(worker: Any) -> Any:
    """Runs in the engine."""
    encoder = worker.model_runner.model.encoder
    del encoder.forward
    return encoder.calls


@pytest.fixture(scope="module")
def pages() -> list[npt.NDArray[np.uint8]]:
    """With six, no and three tiles."""
    return [noise(1224, 1584), noise(600, 700, seed=1), noise(3000, 1000, seed=2)]


def test_pages_of_a_step_are_encoded_in_one_call(llm: Any, pages: list[RGB]) -> None:
    """Ragged pages that wait when a step begins reach the encoder together, as bytes; each gets its own output."""
    llm.collective_rpc(count_encoder_calls)
    together = generate(llm, pages)
    (calls,) = llm.collective_rpc(encoder_calls)
    alone = [generate(llm, [page])[0] for page in pages]

    assert [num_tiles for call in calls for num_tiles in call["tiles_per_page"]] == [6, 0, 3]
    assert max(len(call["tiles_per_page"]) for call in calls) > 1  # the first page may have gone ahead alone
    for call in calls:
        assert call["global_views"] == [len(call["tiles_per_page"]), 1024, 1024, 3]
        assert call["tiles"] == [sum(call["tiles_per_page"]), 768, 768, 3]
        assert call["dtype"] == "torch.uint8"
    assert tokens(together) == tokens(alone)
    assert len({tuple(ids) for ids in tokens(alone)}) > 1  # the pages are seen
    assert [output.prompt_token_ids.count(IMAGE_ID) for output in together] == [1121, 257, 689]


def test_an_image_and_its_views_are_read_alike(llm: Any, pages: list[RGB]) -> None:
    """A page is read alike, whoever cuts it."""
    first, second, third = tokens(generate(llm, [pages[2], cut_views(pages[2]), Image.fromarray(pages[2])]))

    assert first == second == third


def test_transformers_own_model_writes_the_same_tokens(llm: Any, tiny_checkpoint: Path, pages: list[RGB]) -> None:
    """A third opinion in float32: pages of no and of three tiles get the same prompt and the same greedy tokens."""
    from ocrmill.model_adapter.native.model import NativeModel, PageRequest

    read = pages[1:]
    ours = generate(llm, read)
    model = NativeModel(tiny_checkpoint, device="cpu", dtype="float32")
    requests = [PageRequest(cut_views(page), "markdown") for page in read]
    theirs = model.read(requests, most_output=NUM_TOKENS, most_tokens=2048, stop_loops=False)
    decode = llm.get_tokenizer().decode

    assert [output.text for output in theirs] == [decode(ids, skip_special_tokens=False) for ids in tokens(ours)]
    assert [output.prompt_tokens for output in theirs] == [len(output.prompt_token_ids) for output in ours]


def test_the_router_weighs_experts_as_it_was_trained(llm: Any, tiny_checkpoint: Path) -> None:
    """The six experts' weights are not renormalised, so that they sum to less than one; shared experts add unscaled."""
    (result,) = llm.collective_rpc(partial(moe_outputs, weights_file=next(tiny_checkpoint.glob("*.safetensors"))))
    layer, as_trained, renormalised, sums = (np.array(values) for values in result)

    assert np.allclose(layer, as_trained, rtol=1e-3, atol=1e-5)
    assert not np.allclose(layer, renormalised, rtol=1e-2, atol=1e-4)
    assert (sums < 0.999).all()


def moe_outputs(worker: Any, weights_file: Path) -> list[Any]:
    """Runs in the engine: a layer of experts on random vectors, and the same by the formula."""
    import torch
    from safetensors import safe_open
    from torch.nn.functional import linear, silu
    from vllm.forward_context import set_forward_context

    hidden = torch.randn(5, 320, generator=torch.Generator().manual_seed(0))
    with set_forward_context(None, worker.vllm_config, num_tokens=5), torch.inference_mode():
        layer = worker.model_runner.model.language_model.model.layers[1].mlp(hidden.clone())
    with safe_open(weights_file, framework="pt") as file:

        def weight(name: str) -> torch.Tensor:
            tensor: torch.Tensor = file.get_tensor(f"model.layers.1.mlp.{name}.weight")
            return tensor.float()

        def mlp(prefix: str, row: torch.Tensor) -> torch.Tensor:
            gated = silu(linear(row, weight(f"{prefix}gate_proj"))) * linear(row, weight(f"{prefix}up_proj"))
            return linear(gated, weight(f"{prefix}down_proj"))

        chosen, experts = linear(hidden, weight("gate")).softmax(-1).topk(6)
        parts = torch.stack(
            [torch.stack([mlp(f"experts.{e}.", row) for e in ids]) for row, ids in zip(hidden, experts, strict=True)]
        )
        shared = mlp("shared_experts.", hidden)
    as_trained = (chosen[..., None] * parts).sum(1) + shared
    renormalised = ((chosen / chosen.sum(-1, keepdim=True))[..., None] * parts).sum(1) + shared
    return [values.tolist() for values in (layer, as_trained, renormalised, chosen.sum(-1))]


def rename_as_transformers_does(directory: Path) -> None:
    """Give a checkpoint the names of transformers, with the experts of a layer in one tensor."""
    import torch
    from safetensors.torch import load_file, save_file
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping
    from transformers.core_model_loading import WeightRenaming

    (file,) = directory.glob("*.safetensors")
    weights = load_file(file)
    experts: dict[str, dict[tuple[int, str], torch.Tensor]] = {}
    renamings = [
        step for step in get_checkpoint_conversion_mapping("deepseek_ocr2") if isinstance(step, WeightRenaming)
    ]
    renamed = {}
    for name, tensor in weights.items():
        for renaming in renamings:
            name, _ = renaming.rename_source_key(name)  # noqa: PLW2901
        found = re.fullmatch(r"(.*\.experts)\.(\d+)\.(\w+)\.weight", name)
        if found:
            experts.setdefault(found[1], {})[int(found[2]), found[3]] = tensor
        else:
            renamed[name] = tensor
    for module, parts in experts.items():
        indices = sorted({index for index, _ in parts})
        gate_up = [torch.cat([parts[index, "gate_proj"], parts[index, "up_proj"]]) for index in indices]
        renamed[f"{module}.gate_up_proj"] = torch.stack(gate_up)
        renamed[f"{module}.down_proj"] = torch.stack([parts[index, "down_proj"] for index in indices])
    file.unlink()
    (directory / "model.safetensors.index.json").unlink()
    save_file(renamed, directory / "model.safetensors", metadata={"format": "pt"})


def test_the_layout_of_transformers_loads_alike(
    make_llm: Callable[..., Any],
    llm: Any,
    pages: list[RGB],
    with_config: WithConfig,
    config_forms: dict[str, ChangeConfig],
    tmp_path: Path,
) -> None:
    """Renamed and joined as transformers does it, the same weights give the same tokens."""
    directory = with_config(tmp_path / "native", config_forms["native"])
    rename_as_transformers_does(directory)

    assert tokens(generate(make_llm(directory), pages)) == tokens(generate(llm, pages))


@pytest.fixture(scope="module")
def dense_checkpoint(with_config: WithConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder without experts, which needs no Triton beside adapters."""
    from ocrmill.model_adapter.checkpoint.published_weights import published_shapes
    from ocrmill.model_adapter.checkpoint.seeded import write_seeded_weights

    def dense(config: dict[str, Any]) -> dict[str, Any]:
        return {**config, "language_config": {**config["language_config"], "first_k_dense_replace": 3}}

    directory = with_config(tmp_path_factory.mktemp("dense") / "dense", dense)
    (file,) = directory.glob("*.safetensors")
    file.unlink()
    (directory / "model.safetensors.index.json").unlink()
    shapes = published_shapes(json.loads((directory / "config.json").read_text()))
    write_seeded_weights(directory / "model.safetensors", shapes)
    return directory


def write_adapter(directory: Path, modules: Mapping[str, tuple[int, int]]) -> dict[str, torch.Tensor]:
    """An adapter in PEFT's layout, on modules as the published checkpoint names them."""
    import torch
    from safetensors.torch import save_file

    directory.mkdir()
    random = torch.Generator().manual_seed(0)
    weights = {}
    for module, (width_in, width_out) in modules.items():
        weights[f"base_model.model.{module}.lora_A.weight"] = torch.randn(4, width_in, generator=random) / 10
        weights[f"base_model.model.{module}.lora_B.weight"] = torch.randn(width_out, 4, generator=random)
    save_file(weights, directory / "adapter_model.safetensors")
    targets = sorted({module.rpartition(".")[2] for module in modules})
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 4, "target_modules": targets, "bias": "none"}
    (directory / "adapter_config.json").write_text(json.dumps(config))
    return weights


def adapter_in_the_engine(worker: Any) -> dict[str, list[float]]:
    """Runs in the engine: what lies in the slots of the first layer's fused projections."""
    layer = worker.model_runner.model.language_model.model.layers[0]
    return {
        "query": layer.self_attn.qkv_proj.lora_b_stacked[0][0, 0].tolist(),
        "value": layer.self_attn.qkv_proj.lora_b_stacked[2][0, 0].tolist(),
        "up": layer.mlp.gate_up_proj.lora_b_stacked[1][0, 0].tolist(),
        "projector": worker.model_runner.model.encoder.projector.weight.tolist(),
    }


def test_adapters_load_on_both_halves(
    make_llm: Callable[..., Any], dense_checkpoint: Path, pages: list[RGB], tmp_path: Path
) -> None:
    """An adapter trained on the published checkpoint: vLLM applies the decoder's half, the encoder's is folded in."""
    from safetensors.torch import load_file
    from vllm.lora.request import LoRARequest

    layer, projector = "model.layers.0", "model.projector.layers"
    modules = {
        f"{layer}.self_attn.q_proj": (320, 320),
        f"{layer}.self_attn.v_proj": (320, 320),
        f"{layer}.mlp.up_proj": (320, 640),
        "model.layers.2.self_attn.o_proj": (320, 320),
        projector: (128, 320),
    }
    weights = write_adapter(tmp_path / "adapter", modules)
    halves = split_adapter(tmp_path / "adapter")
    folded = {"encoder_adapter": str(halves.encoder)}
    llm = make_llm(dense_checkpoint, enable_lora=True, max_lora_rank=8, additional_config=folded)
    adapter = LoRARequest("tiny", 1, str(halves.decoder))
    plain, adapted = generate(llm, pages), generate(llm, pages, lora_request=adapter)
    (slots,) = llm.collective_rpc(adapter_in_the_engine)

    assert tokens(plain) != tokens(adapted)
    assert tokens(plain) == tokens(generate(llm, pages))
    for part, module in {"query": "self_attn.q_proj", "value": "self_attn.v_proj", "up": "mlp.up_proj"}.items():
        expected = weights[f"base_model.model.{layer}.{module}.lora_B.weight"].numpy()
        assert np.allclose(np.array(slots[part])[:, :4], expected)
    halves.close()
    (plain_weights,) = (load_file(file) for file in dense_checkpoint.glob("*.safetensors"))
    a, b = (weights[f"base_model.model.{projector}.lora_{half}.weight"] for half in "AB")
    assert np.allclose(np.array(slots["projector"]), plain_weights[f"{projector}.weight"].float() + b @ a, atol=1e-6)


class Decoder:
    """Takes what vLLM's DeepSeek-V2 would take."""

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
        self.names = {name for name, _ in weights}


def load(checkpoint: Path, weights: Iterable[tuple[str, torch.Tensor]]) -> tuple[DeepEncoderV2, Decoder]:
    """Our `load_weights` with the real encoder; the decoder only counts."""
    from ocrmill.model_adapter.model import DeepseekOcrForCausalLM
    from ocrmill.model_adapter.vision.config import EncoderConfig
    from ocrmill.model_adapter.vision.encoder import DeepEncoderV2

    schema = json.loads((checkpoint / "config.json").read_text())
    model = DeepseekOcrForCausalLM.__new__(DeepseekOcrForCausalLM)
    super(DeepseekOcrForCausalLM, model).__init__()
    model.published_schema = schema
    model._compile_choice, model._encoder_adapter = "off", None
    model.encoder = DeepEncoderV2(EncoderConfig.from_hf(schema))
    decoder = model.__dict__["language_model"] = Decoder()
    model.load_weights(weights)
    return model.encoder, decoder


@pytest.fixture
def weights(vllm_environment: dict[str, str], tiny_checkpoint: Path) -> dict[str, torch.Tensor]:
    """Name -> tensor of the tiny checkpoint."""
    from safetensors.torch import load_file

    tensors: dict[str, torch.Tensor] = load_file(next(tiny_checkpoint.glob("*.safetensors")))
    return tensors


def test_every_tensor_finds_its_place(tiny_checkpoint: Path, weights: dict[str, torch.Tensor]) -> None:
    """All of a checkpoint's tensors are taken, with three query tables besides that nothing needs."""
    import torch

    dropped = {f"model.qwen2_model.query_{size}.weight": torch.zeros(1) for size in (512, 640, 1280)}
    encoder, decoder = load(tiny_checkpoint, (weights | dropped).items())

    assert torch.equal(encoder.separator, weights["model.view_seperator"].float())
    assert len(decoder.names) + len(encoder.checkpoint_slots()) == len(weights)


def test_missing_and_unexpected_tensors_are_all_named(tiny_checkpoint: Path, weights: dict[str, torch.Tensor]) -> None:
    """One expert and one bias too few, one tensor too many: one error names the three."""
    del weights["model.layers.2.mlp.experts.7.up_proj.weight"], weights["model.sam_model.neck.1.bias"]
    weights["model.layers.2.mlp.experts.16.up_proj.weight"] = weights["model.norm.weight"]
    with pytest.raises(ValueError, match=r"lacks .*experts\.7\.up_proj.*neck\.1\.bias.* unknown .*experts\.16\.up"):
        load(tiny_checkpoint, weights.items())


def test_a_tensor_of_another_shape_is_named(tiny_checkpoint: Path, weights: dict[str, torch.Tensor]) -> None:
    """A checkpoint that is not of this config says so with both shapes."""
    weights["model.layers.0.mlp.up_proj.weight"] = weights["model.layers.0.mlp.up_proj.weight"][:8]
    with pytest.raises(ValueError, match=r"layers\.0\.mlp\.up_proj\.weight is \(8, 320\), but \(640, 320\)"):
        load(tiny_checkpoint, weights.items())


def test_a_damaged_checkpoint_says_what_to_do(
    tiny_checkpoint: Path, tmp_path: Path, vllm_environment: dict[str, str]
) -> None:
    """A file that was not copied to its end is called that."""
    from vllm.model_executor.model_loader.weight_utils import safetensors_weights_iterator

    whole = next(tiny_checkpoint.glob("*.safetensors")).read_bytes()
    file = tmp_path / "model.safetensors"
    file.write_bytes(whole[:-1000])
    with pytest.raises(ValueError, match=r"damaged or was not copied to its end .*: fetch the checkpoint again"):
        load(tiny_checkpoint, safetensors_weights_iterator([str(file)], use_tqdm_on_load=False))
