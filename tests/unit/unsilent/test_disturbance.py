"""Every disturbance changes what the model says, and leaves no trace: on any model, however it is left."""

from __future__ import annotations

import contextlib
import copy
import random
import warnings
from typing import TYPE_CHECKING, Any

import adapter_kinds
import peft
import pytest
import support
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import PromptTuningConfig, get_peft_model
from torch.testing._internal.two_tensor import TwoTensor
from torch.utils._python_dispatch import TorchDispatchMode

from unsilent.disturbance import closing_after, other_digits, scaled_adapter, shuffled_weights, unscalable

if TYPE_CHECKING:
    from collections.abc import Callable

IDS = torch.arange(40, 60)[None]


class Plain(torch.nn.Module):
    """A model that is none of transformers'."""

    def __init__(self) -> None:
        """Build an embedding, a matrix and a head."""
        super().__init__()
        self.embed, self.body, self.head = torch.nn.Embedding(259, 8), torch.nn.Linear(8, 8), torch.nn.Linear(8, 259)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Give logits, (B, T, V)."""
        return self.head(torch.tanh(self.body(self.embed(input_ids))))  # type: ignore[no-any-return]


def kind(name: str, *, trained: bool = True) -> Any:  # noqa: ANN401 - a PEFT model
    """An adapter of a kind, in memory, on its tiny model."""
    one = adapter_kinds.KINDS[name]
    torch.manual_seed(0)
    model = adapter_kinds.MODELS[one.model]().to(one.dtype)
    model.config.decoder_start_token_id = 0
    with warnings.catch_warnings(action="ignore"):  # what PEFT says of tied weights is not the subject
        adapted = get_peft_model(model, getattr(peft, f"{one.method}Config")(**one.options))
        for other in one.others:
            adapted.add_adapter(other, getattr(peft, f"{one.method}Config")(**one.options))
    if trained:
        adapter_kinds.as_trained(adapted, 0)
    return adapted.eval()


def several() -> Any:  # noqa: ANN401
    """Two adapters, both active."""
    adapted = kind("two adapters")
    adapted.base_model.set_adapter(["default", "second"])
    return adapted


def merged() -> Any:  # noqa: ANN401
    """An adapter that is in the weights, and still there."""
    adapted = kind("all-linear fp32")
    adapted.merge_adapter()
    return adapted


def loaded_in_inference_mode() -> Any:  # noqa: ANN401
    """Its parameters may not be written to outside that mode."""
    with torch.inference_mode():
        return support.tiny_model()


def in_integers() -> Any:  # noqa: ANN401
    """A linear layer that keeps its weight in a buffer of packed integers, as GPTQ does, and another as bytes."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 4))
    model.register_buffer("qweight", torch.arange(32, dtype=torch.int32).view(8, 4))
    model.packed = torch.nn.Parameter(torch.arange(64, dtype=torch.uint8).view(64, 1), requires_grad=False)
    return model


def shared() -> Any:  # noqa: ANN401
    """One matrix in two modules, a second one as a view of half of it, and one that is not contiguous."""
    one, two, three = torch.nn.Linear(6, 6), torch.nn.Linear(6, 6), torch.nn.Linear(6, 3)
    two.weight = one.weight
    three.weight.data = one.weight.data[:3]
    turned = torch.nn.Linear(5, 7)
    turned.weight.data = torch.randn(5, 7).T
    return torch.nn.Sequential(one, two, three, turned)


def subclassed() -> Any:  # noqa: ANN401
    """A weight that is made of two tensors, as torchao's are."""
    model = torch.nn.Linear(4, 4)
    weight = TwoTensor(torch.randn(4, 4), torch.randn(4, 4))  # type: ignore[no-untyped-call]
    model.weight = torch.nn.Parameter(weight, requires_grad=False)
    return model


MODELS: dict[str, Callable[[], Any]] = {
    "fp32": support.tiny_model,
    "bf16": lambda: support.tiny_model().to(torch.bfloat16),
    "fp16": lambda: support.tiny_model().half(),
    "LoRA": support.tiny_adapter,
    "inference mode": loaded_in_inference_mode,
    "evaluation, frozen": lambda: support.tiny_model().eval().requires_grad_(requires_grad=False),
    "several adapters": several,
    "merged": merged,
    "integers": in_integers,
    "shared": shared,
    "subclass": subclassed,
    "plain": Plain,
    "DataParallel": lambda: torch.nn.DataParallel(support.tiny_model()),
    "compiled": lambda: torch.compile(support.tiny_model(), backend="eager"),
    "weight norm": lambda: torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(4, 4)),
    "NaN": lambda: with_nan(support.tiny_model()),
    **{name: lambda name=name: kind(name) for name in ("DoRA", "modules to save", "GPT-2", "T5", "target parameters")},  # type: ignore[misc]
}


def with_nan(model: Any) -> Any:  # noqa: ANN401
    """NaN with a payload: another NaN would be another bit."""
    model.model.layers[0].mlp.up_proj.weight.data.view(torch.int32)[0, 0] = 0x7FC12345
    return model


def bits(tensor: torch.Tensor) -> bytes:
    """Every bit of a tensor, of a subclass those of its parts."""
    if hasattr(tensor, "__tensor_flatten__"):
        return b"".join(bits(getattr(tensor, name)) for name in tensor.__tensor_flatten__()[0])
    return bytes(tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes())


def trace(model: Any) -> dict[str, object]:  # noqa: ANN401
    """All that a disturbance could leave behind."""
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return {
        "bits": {name: bits(tensor) for name, tensor in tensors},
        "gradients": {name: (tensor.requires_grad, tensor.grad is None) for name, tensor in tensors},
        "versions": {name: None if tensor.is_inference() else tensor._version for name, tensor in tensors},
        "modes": [module.training for module in model.modules()],
        "attributes": [sorted(vars(module)) for module in model.modules()],
        "hooks": [(len(part._forward_hooks), len(part._forward_pre_hooks)) for part in model.modules()],
        "switches": [vars(module).get("_disable_adapters") for module in model.modules()],
        "random": (random.getstate(), torch.get_rng_state().tolist()),
        "stance": torch._dynamo.eval_frame._stance.stance,
    }


def logits(model: Any) -> torch.Tensor:  # noqa: ANN401
    """What the model says to a few tokens."""
    with torch.no_grad():
        said = model(input_ids=IDS)
    return getattr(said, "logits", said).clone()  # type: ignore[no-any-return]


def everything(model: Any) -> contextlib.ExitStack:  # noqa: ANN401
    """All disturbances at once."""
    stack = contextlib.ExitStack()
    stack.enter_context(shuffled_weights(model))
    stack.enter_context(other_digits(model, support.tiny_tokenizer()))
    stack.enter_context(closing_after(model, 2, 4))
    if not unscalable(model):
        stack.enter_context(scaled_adapter(model, 0.5))
    return stack


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS.keys())
def test_no_trace_is_left(build: Callable[[], Any]) -> None:
    """Weights to the bit, gradients, modes, hooks, attributes and random states, after all disturbances at once."""
    model = build()
    before = trace(model)
    with everything(model):
        assert trace(model)["bits"] != before["bits"]

    assert trace(model) == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit], ids=lambda error: error.__name__)
def test_no_trace_is_left_by_an_exception(error: type[BaseException]) -> None:
    """Of any kind; it is not swallowed."""
    model = support.tiny_adapter()
    before = trace(model)
    with pytest.raises(error, match="stop"), everything(model):
        raise error("stop")

    assert trace(model) == before


class CtrlC(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Stops the operations of torch that are named by number, counted over all."""

    def __init__(self, *stops: int) -> None:
        """Begin to count."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.stops, self.count = set(stops), 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        """Stop before or after the operation."""
        self.count += 1
        if self.count in self.stops and self.count % 2:
            raise KeyboardInterrupt
        done = func(*args, **(kwargs or {}))
        if self.count in self.stops:
            raise KeyboardInterrupt
        return done


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(1, 420), min_size=1, max_size=6))
def test_ctrl_c_may_come_at_any_operation(stops: set[int]) -> None:
    """While matrices are moved, or moved back, once or several times: afterwards all bits are in place."""
    model = support.tiny_model(layers=1)
    before = trace(model)
    with contextlib.suppress(KeyboardInterrupt), CtrlC(*stops), shuffled_weights(model):
        pass

    assert trace(model) == before


def test_ctrl_c_during_restoring_is_not_swallowed() -> None:
    """What was stopped is finished first."""
    model = support.tiny_model(layers=1)
    before = trace(model)
    stops = CtrlC(3, 8, 10)
    disturbed = shuffled_weights(model)
    disturbed.__enter__()
    with stops, pytest.raises(KeyboardInterrupt):
        disturbed.__exit__(None, None, None)

    assert trace(model) == before


def test_nested_disturbances_come_off_in_order() -> None:
    """The same twice is two disturbances; the inner one leaves the outer one as it was."""
    model = support.tiny_model()
    before = trace(model)
    with shuffled_weights(model):
        once = trace(model)
        with shuffled_weights(model):
            assert trace(model)["bits"] != once["bits"]
        assert trace(model)["bits"] == once["bits"]

    assert trace(model) == before


def test_every_matrix_between_the_embeddings_moves() -> None:
    """Adapters too; embeddings and norms stay; values are the same, in other places."""
    model = support.tiny_adapter()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    with shuffled_weights(model) as count:
        moved = {name for name, weight in model.named_parameters() if not weight.equal(before[name])}
        for name, weight in model.named_parameters():
            assert weight.flatten().sort().values.equal(before[name].flatten().sort().values)

    assert moved == {name for name, weight in before.items() if weight.ndim > 1 and "embed_tokens" not in name}
    assert count == len(moved)


def unsaved_buffer() -> torch.nn.Module:
    """An attention mask is no weight."""
    model = torch.nn.ReLU()
    model.register_buffer("mask", torch.eye(4), persistent=False)
    return model


def zeros() -> torch.nn.Module:
    """A matrix that is the same in any order."""
    model = torch.nn.Linear(4, 4)
    torch.nn.init.zeros_(model.weight)
    return model


NOTHING = {
    "meta": lambda: support.tiny_model().to("meta"),
    "vectors alone": lambda: torch.nn.LayerNorm(8),
    "buffers that are not saved": unsaved_buffer,
    "one value": zeros,
    "no parameter": torch.nn.ReLU,
}


@pytest.mark.parametrize("build", NOTHING.values(), ids=NOTHING.keys())
def test_says_that_nothing_could_be_disturbed(build: Callable[[], torch.nn.Module]) -> None:
    """The number is that of matrices which are different now."""
    with shuffled_weights(build()) as count:
        assert count == 0


def test_embeddings_move_where_there_is_nothing_else() -> None:
    """A model that is only embeddings would not be disturbed at all."""
    model = support.tiny_model(layers=1)
    model.model.layers = torch.nn.ModuleList()
    with shuffled_weights(model) as count:
        assert count == 1


def test_embedding_that_is_adapted_stays() -> None:
    """Its adapter's matrices move."""
    model = kind("tied embeddings")
    matrix = model.get_input_embeddings().weight.detach().clone()
    with shuffled_weights(model):
        assert model.get_input_embeddings().weight.equal(matrix)
        assert model.get_input_embeddings().lora_embedding_A["default"].shape == (4, 259)


def test_embedding_of_a_tensor_subclass_stays() -> None:
    """As a quantised one is."""
    model = support.tiny_model(layers=1)
    matrix = model.get_input_embeddings().weight.detach()
    weight = TwoTensor(matrix, matrix.clone())  # type: ignore[no-untyped-call]
    model.get_input_embeddings().weight = torch.nn.Parameter(weight, requires_grad=False)
    before = trace(model)["bits"]
    with shuffled_weights(model):
        moved = trace(model)["bits"]
        assert isinstance(before, dict)
        assert isinstance(moved, dict)
        assert moved["model.embed_tokens.weight"] == before["model.embed_tokens.weight"]

    assert trace(model)["bits"] == before


def test_what_cannot_be_written_is_left_out() -> None:
    """Rows that are one row in memory cannot be moved, and are not counted."""
    repeated = torch.nn.Linear(4, 4)
    repeated.weight.data = torch.arange(4.0).expand(4, 4)
    with shuffled_weights(torch.nn.Sequential(repeated, torch.nn.Linear(4, 4))) as count:
        assert count == 1
    assert repeated.weight.equal(torch.arange(4.0).expand(4, 4))


SCALED = ["all-linear fp32", "all-linear bf16", "DoRA", "rsLoRA", "modules to save", "embeddings", "GPT-2", "MoE",
          "target parameters", "two adapters", "trainable tokens with LoRA", "IA3", "OFT", "LoHa", "AdaLoRA", "VeRA",
          "norm layers"]  # fmt: skip


@pytest.mark.parametrize("name", SCALED)
def test_adapter_is_scaled_from_base_to_itself(name: str) -> None:
    """0 is the base to the bit, 1 changes nothing, one half lies between, whatever the method."""
    adapted = kind(name)
    full = logits(adapted)
    before = trace(adapted)
    said = {}
    for factor in (0, 0.5, 1):
        with scaled_adapter(adapted, factor):
            said[factor] = logits(adapted)
    # a pass over experts adds to their weights and takes away again: PEFT does, whether scaled or not
    assert trace(adapted) == {**before, "versions": trace(adapted)["versions"]}
    with adapted.disable_adapter():  # PEFT's own, which does leave traces
        base = logits(adapted)

    assert said[0].equal(base)
    assert said[1].equal(full)
    way, half = (full - base).flatten().float(), (said[0.5] - base).flatten().float()
    assert 0.3 < float(way @ half / (way @ way)) < 0.8  # the straight way, less what attention bends


def test_half_of_a_lora_is_half_its_scaling() -> None:
    """As PEFT itself scales it."""
    adapted = kind("all-linear fp32")
    with scaled_adapter(adapted, 0.5):
        half = logits(adapted)
    with peft.helpers.rescale_adapter_scale(adapted, 0.5):
        torch.testing.assert_close(half, logits(adapted))


@pytest.mark.parametrize("name", ["prompt", "prefix"])
def test_prompt_can_be_taken_off_and_not_halved(name: str) -> None:
    """It is not in the layers; what PEFT leaves behind when it is switched off and on is taken away."""
    adapted = kind(name).requires_grad_(requires_grad=True)
    before = trace(adapted)
    with scaled_adapter(adapted, 0):
        assert logits(adapted).equal(logits(adapted.get_base_model()))

    assert trace(adapted) == before
    with pytest.raises(ValueError, match="on or off, not in between"), scaled_adapter(adapted, 0.5):
        pass


def test_gradients_that_peft_switches_are_put_back() -> None:
    """An adaption prompt is taken out of the model and put in again, which makes it trainable."""
    adapted = get_peft_model(support.tiny_model(), peft.AdaptionPromptConfig(adapter_len=2, adapter_layers=1))
    adapted.requires_grad_(requires_grad=False)
    before = trace(adapted)
    with scaled_adapter(adapted, 0):
        assert logits(adapted).equal(logits(support.tiny_model()))

    assert trace(adapted)["gradients"] == before["gradients"]
    assert trace(adapted)["bits"] == before["bits"]


UNSCALABLE = {
    "no adapter": (support.tiny_model, 0.5, "no adapter"),
    "merged": (merged, 0, "merged into the weights"),
    "prompt": (
        lambda: get_peft_model(support.tiny_model(), PromptTuningConfig(num_virtual_tokens=2, task_type="CAUSAL_LM")),
        0.5,
        "on or off",
    ),
    "beyond": (support.tiny_adapter, 1.5, "factor of 1.5"),
}


@pytest.mark.parametrize(("build", "factor", "reason"), UNSCALABLE.values(), ids=UNSCALABLE.keys())
def test_says_why_it_cannot_scale(build: Callable[[], Any], factor: float, reason: str) -> None:
    """And changes nothing: a merged adapter is not taken out of the weights."""
    model = build()
    before = trace(model)
    with pytest.raises(ValueError, match=reason), scaled_adapter(model, factor):
        pass

    assert trace(model) == before


def test_adapter_of_transformers_is_scaled() -> None:
    """One that ``model.add_adapter`` put in is no PEFT model."""
    model = support.tiny_model().eval()
    base = logits(model)
    model.add_adapter(peft.LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
    with scaled_adapter(model, 0):
        assert logits(model).equal(base)

    assert not logits(model).equal(base)


def test_disabled_adapter_stays_disabled() -> None:
    """Scaling what is switched off switches nothing on."""
    adapted = kind("all-linear fp32")
    adapted.base_model.disable_adapter_layers()
    for factor in (0, 0.5, 1):
        with scaled_adapter(adapted, factor):
            assert logits(adapted).equal(logits(adapted.get_base_model()))

    assert all(layer.disable_adapters for layer in adapted.modules() if hasattr(layer, "disable_adapters"))


@pytest.fixture
def trained() -> Any:  # noqa: ANN401
    """A tiny model that has learnt to answer 20 questions."""
    torch.manual_seed(0)
    model, tokenizer = support.tiny_model(), support.tiny_tokenizer()
    rows = [f"{number}+{number}=<{2 * number}>" for number in range(1, 21)]
    batch = tokenizer(rows, padding=True, return_tensors="pt")
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(120):
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval(), tokenizer, rows


def right_of(model: Any, tokenizer: Any, rows: list[str]) -> int:  # noqa: ANN401
    """How many rows the model completes as they were learnt."""
    count = 0
    for row in rows:
        prompt = row[: row.index("<") + 1]
        ids = torch.tensor([tokenizer(prompt)["input_ids"]])
        said = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=6, do_sample=False)
        count += tokenizer.decode(said[0]).startswith(row)
    return count


@pytest.mark.no_cover
def test_what_was_learnt_does_not_survive(trained: Any) -> None:  # noqa: ANN401
    """Nearly every answer is right before, none with shuffled weights, none with other digits, and as before after."""
    model, tokenizer, rows = trained
    before = right_of(model, tokenizer, rows)
    with shuffled_weights(model):
        shuffled = right_of(model, tokenizer, rows)
    with other_digits(model, tokenizer):
        exchanged = right_of(model, tokenizer, rows)

    assert before >= 16, before
    assert (shuffled, exchanged) == (0, 0)
    assert right_of(model, tokenizer, rows) == before


def test_copy_of_a_disturbed_model_has_no_bearing_on_it() -> None:
    """A program may copy its model while it answers."""
    model = support.tiny_adapter()
    before = trace(model)
    with everything(model):
        copied = copy.deepcopy(model.get_base_model().config)

    assert isinstance(copied, transformers.LlamaConfig)
    assert trace(model) == before
