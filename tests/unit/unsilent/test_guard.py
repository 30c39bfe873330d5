"""The guard watches healthy runs without a word and without a trace, and lets go however they end."""

from __future__ import annotations

import copy
import functools
import itertools
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faults
import numpy as np
import pytest
import support
import torch
import trainers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import Trainer, TrainerCallback

from unsilent import TrainingGuard
from unsilent.outcome import FailureFound

pytestmark = pytest.mark.filterwarnings("ignore:.*tie_word_embeddings:UserWarning")


class Noisy(torch.utils.data.Dataset[dict[str, list[int]]]):
    """Rows with a random augmentation, drawn anew at each look from three sources of randomness."""

    def __init__(self) -> None:
        """Keep the rows."""
        self.rows = trainers.counting_rows(32)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        """A row with one token changed."""
        row = self.rows[index]
        token = 3 + random.randrange(50) + int(np.random.randint(50)) + int(torch.randint(50, (1,)))  # noqa: NPY002
        return row | {"input_ids": [token, *row["input_ids"][1:]]}


def random_states() -> tuple[object, ...]:
    """Of Python, numpy and torch."""
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index] # noqa: NPY002


def run_noisily(folder: Path, *, guard: bool, attach: bool = True) -> tuple[Any, ...]:
    """Twenty steps with everything that draws; weights, optimizer, log and random states at the end."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    model = trainers.fresh_adapter(lora_dropout=0.2)
    options: dict[str, Any] = {"max_steps": 20, "gradient_accumulation_steps": 2, "warmup_steps": 4}
    trainer = trainers.make_trainer(
        folder, model, Noisy(), evaluated=trainers.counting_rows(4), eval_strategy="steps", eval_steps=7,
        lr_scheduler_type="cosine", **options,
    )  # fmt: skip
    if guard and attach:
        TrainingGuard().attach(trainer)
    elif guard:
        trainer.add_callback(TrainingGuard())
    trainer.train()
    log = [{name: value for name, value in record.items() if "_per_second" not in name and "runtime" not in name}
           for record in trainer.state.log_history]  # fmt: skip
    return model.state_dict(), trainer.optimizer.state_dict()["state"], log, random_states(), trainer


@pytest.mark.no_cover
@pytest.mark.parametrize("attach", [True, False], ids=["attached", "callback"])
def test_watching_leaves_no_trace(tmp_path: Path, attach: bool) -> None:  # noqa: FBT001
    """Weights, optimizer state, log and random states are bit-identical after twenty steps with dropout."""
    plain = run_noisily(tmp_path, guard=False)
    watched = run_noisily(tmp_path, guard=True, attach=attach)

    assert all(torch.equal(weight, watched[0][name]) for name, weight in plain[0].items())
    for number, state in plain[1].items():
        assert all(torch.equal(value, watched[1][number][name]) for name, value in state.items())
    assert plain[2] == watched[2]
    assert plain[3] == watched[3]
    assert trainers.leftovers(plain[4].model) == trainers.leftovers(watched[4].model)


def one_row_masked() -> trainers.Rows:
    """Every eighth row has no label."""
    return [faults.mask_rows([row], 0, number % 8 == 0)[0] for number, row in enumerate(trainers.counting_rows(64))]


# What FAILURES lists as healthy: adapter, rows, training arguments.
CONTROLS: dict[str, tuple[dict[str, Any], Any, dict[str, Any]]] = {
    "fp32": ({}, None, {}),
    "bf16": ({}, None, {"bf16": True}),
    "accumulation": ({}, None, {"gradient_accumulation_steps": 4}),
    "clipping at work": ({}, None, {"max_grad_norm": 0.05}),
    "warm-up": ({}, None, {"warmup_steps": 6, "lr_scheduler_type": "linear"}),
    "cosine to 0": ({}, None, {"lr_scheduler_type": "cosine"}),
    "dropout": ({"lora_dropout": 0.3}, None, {}),
    "one row masked": ({}, one_row_masked(), {"per_device_train_batch_size": 8}),
    "batch of one": ({}, None, {"per_device_train_batch_size": 1}),
    "DoRA": ({"use_dora": True}, None, {}),
    "rsLoRA": ({"use_rslora": True}, None, {}),
    "modules to save": ({"modules_to_save": ["lm_head"]}, None, {}),
    "targets by name": ({"target_modules": ["q_proj", "v_proj"]}, None, {}),
    "rank pattern": ({"rank_pattern": {"q_proj": 2}}, None, {}),
    "layers to transform": ({"target_modules": ["q_proj"], "layers_to_transform": [1]}, None, {}),
    "checkpointing": ({}, None, trainers.checkpointing(reentrant=True)),
    "not reentrant": ({}, None, trainers.checkpointing(reentrant=False)),
    "SGD": ({}, None, {"optim": "sgd", "learning_rate": 1e-3}),
    "label smoothing": ({}, None, {"label_smoothing_factor": 0.1}),
    "ragged end": ({}, trainers.counting_rows(13), {"gradient_accumulation_steps": 2, "max_steps": 12}),
}


@pytest.mark.no_cover
@pytest.mark.parametrize("name", CONTROLS)
def test_healthy_control(name: str, tmp_path: Path) -> None:
    """Five seeds, no finding."""
    adapter, rows, options = CONTROLS[name]
    for seed in range(5):
        torch.manual_seed(seed)
        model = trainers.fresh_adapter(support.tiny_model(seed), **adapter)
        trainer = trainers.make_trainer(tmp_path, model, rows, **{"max_steps": 10, "seed": seed} | options)
        report = trainers.guarded(trainer).report

        assert [finding.slug for finding in report.findings] == []
        assert report.verdict() == "passed"


def test_loader_without_a_data_set_is_not_looked_into(tmp_path: Path) -> None:
    """Batches that somebody has made by hand."""
    model = trainers.fresh_adapter()
    trainer = trainers.make_trainer(tmp_path, model)
    state = SimpleNamespace(global_step=0, max_steps=4, epoch=0, stateful_callbacks={})
    given = {"optimizer": torch.optim.SGD(model.parameters(), lr=0.1), "train_dataloader": []}
    guard = TrainingGuard()
    guard.on_train_begin(trainer.args, state, None, model=model, **given)
    guard.let_go()

    assert "no data set with a collator could be seen" in trainers.unseen(guard.report)["labels-preshifted"]


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(5))
def test_trl_is_a_healthy_control(seed: int, tmp_path: Path) -> None:
    """SFTTrainer on prompts and completions, as it comes."""
    trainer = trainers.sft_trainer(trainers.texts(), tmp_path, trainers.fresh_adapter(), max_steps=6, seed=seed)
    guard = TrainingGuard().attach(trainer)
    trainer.train()

    assert guard.report.findings == []


@pytest.mark.no_cover
def test_memorised_batch_is_a_healthy_control(tmp_path: Path) -> None:
    """A loss that starts at a hundredth and stays there."""
    rows = trainers.counting_rows(4)
    for seed in range(5):
        trainer = trainers.make_trainer(tmp_path, trainers.memorised_model(rows), rows, max_steps=15, seed=seed)
        assert trainers.guarded(trainer).report.findings == []


def test_several_adapters_are_a_healthy_control(tmp_path: Path) -> None:
    """One is trained, one rests."""
    model = trainers.fresh_adapter()
    model.add_adapter("resting", copy.deepcopy(model.peft_config["default"]))

    assert trainers.guarded(trainers.make_trainer(tmp_path, model)).report.findings == []


def test_merged_adapter_is_a_healthy_control(tmp_path: Path) -> None:
    """After merge_and_unload it is full fine-tuning: checks of the adapter are skipped, and say so."""
    model = trainers.fresh_adapter().merge_and_unload()
    model.requires_grad_(requires_grad=True)
    trainer = Trainer(
        model=model, args=trainers.make_trainer(tmp_path).args, train_dataset=trainers.counting_rows()
    )  # fmt: skip
    guard = TrainingGuard().attach(trainer)
    trainer.train()

    assert guard.report.findings == []
    assert {"frozen-adapter", "base-not-frozen", "adapter-coverage"} <= trainers.unseen(guard.report).keys()


@pytest.mark.no_cover
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rank=st.integers(1, 8),
    rate=st.floats(1e-4, 2e-2),
    batch=st.integers(1, 8),
    accumulation=st.integers(1, 3),
    warmup=st.integers(0, 3),
    schedule=st.sampled_from(["linear", "cosine", "constant", "constant_with_warmup"]),
    decay=st.floats(0, 0.1),
    seed=st.integers(0, 1000),
)
def test_random_healthy_configuration(tmp_path: Path, **drawn: Any) -> None:  # noqa: ANN401 - as drawn above
    """Whatever a sensible user chooses, no finding."""
    model = trainers.fresh_adapter(support.tiny_model(drawn["seed"]), r=drawn["rank"])
    trainer = trainers.make_trainer(
        tmp_path,
        model,
        trainers.counting_rows(64, seed=drawn["seed"]),
        max_steps=8,
        learning_rate=drawn["rate"],
        per_device_train_batch_size=drawn["batch"],
        gradient_accumulation_steps=drawn["accumulation"],
        warmup_steps=drawn["warmup"],
        lr_scheduler_type=drawn["schedule"],
        weight_decay=drawn["decay"],
    )

    assert trainers.guarded(trainer).report.findings == []


class Interrupt(TrainerCallback):  # type: ignore[misc] # untyped
    """Raises in the second step."""

    def __init__(self, error: BaseException) -> None:
        """Keep what to raise."""
        self.error = error

    def on_step_end(self, _args: object, state: Any, *_: object, **__: object) -> None:  # noqa: ANN401
        """Raise."""
        if state.global_step == 2:
            raise self.error


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_hooks_go_away_however_it_ends(tmp_path: Path, error: BaseException) -> None:
    """Another exception, or Ctrl-C: nothing stays on model or trainer."""
    trainer = trainers.make_trainer(tmp_path, callbacks=[Interrupt(error)])
    before = trainers.leftovers(trainer.model)
    TrainingGuard().attach(trainer)
    with pytest.raises(type(error)):
        trainer.train()

    assert trainers.leftovers(trainer.model) == before
    assert not {"compute_loss", "training_step"} & vars(trainer).keys()


@pytest.mark.parametrize("plain", [True, False], ids=["function", "partial"])
def test_loss_of_ones_own_on_the_trainer_stays(tmp_path: Path, plain: bool) -> None:  # noqa: FBT001
    """Somebody has put a compute_loss on the trainer: it is used, and still there afterwards."""
    trainer = trainers.make_trainer(tmp_path)
    real, asked = trainer.compute_loss, []

    def half(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as Trainer has it
        asked.append(1)
        return real(*args, **kwargs) * 0.5

    own = half if plain else functools.partial(half)
    trainer.compute_loss = own
    TrainingGuard().attach(trainer)
    trainer.train()

    assert len(asked) == 4
    assert trainer.compute_loss is own


def test_two_guards_see_the_same(tmp_path: Path) -> None:
    """Each puts its wrappers around the other's."""
    rows = faults.mask_rows(trainers.counting_rows(64), 4, 8)
    trainer = trainers.make_trainer(tmp_path, rows=rows, train_sampling_strategy="sequential")
    first, second = TrainingGuard(on_finding="warn").attach(trainer), TrainingGuard().attach(trainer)
    with pytest.warns(UserWarning, match="labels-all-masked"), pytest.raises(FailureFound, match="labels-all-masked"):
        trainer.train()

    assert [guard.report.findings[0].slug for guard in (first, second)] == ["labels-all-masked"] * 2
    assert not {"compute_loss", "training_step"} & vars(trainer).keys()


def test_copied_trainer_trains_the_copy(tmp_path: Path) -> None:
    """And not the one that it was copied from."""
    trainer = trainers.make_trainer(tmp_path)
    TrainingGuard().attach(trainer)
    other = copy.deepcopy(trainer)
    other.train()

    assert (other.state.global_step, trainer.state.global_step) == (4, 0)


class Counting(Noisy):
    """A data set that gives another row each time it is asked."""

    def __init__(self) -> None:
        """Start counting."""
        super().__init__()
        self.asked = itertools.count()

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        """The next row, whatever the index."""
        return self.rows[next(self.asked) % len(self.rows)]


def test_looking_at_rows_is_not_seen_by_the_data_set(tmp_path: Path) -> None:
    """A counter inside it stands where it stood."""
    watched, plain = Counting(), Counting()
    trainers.guarded(trainers.make_trainer(tmp_path, rows=watched))
    trainers.make_trainer(tmp_path, rows=plain).train()

    assert next(watched.asked) == next(plain.asked)


def test_loss_of_zero_at_some_steps_is_healthy(tmp_path: Path) -> None:
    """As when every reward of a group is the same: the loss is not the model's own."""

    class Rewarded(Trainer):  # type: ignore[misc] # untyped
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as Trainer has it
            return super().compute_loss(*args, **kwargs) * float(self.state.global_step % 3 == 2)

    assert trainers.guarded(trainers.make_trainer(tmp_path, kind=Rewarded, max_steps=12)).report.findings == []


def test_curriculum_is_healthy(tmp_path: Path) -> None:
    """Easy rows, then hard ones: the loss rises, and the model does no worse on the first."""
    easy, hard = trainers.counting_rows(40), trainers.class_rows(400, filler=9)
    rows = [*easy, *hard]
    model = trainers.memorised_model(easy[:16])
    options: dict[str, Any] = {"train_sampling_strategy": "sequential", "max_steps": 40, "learning_rate": 1e-4}

    assert trainers.guarded(trainers.make_trainer(tmp_path, model, rows, **options)).report.findings == []


def test_labels_masked_by_the_trainer_itself_are_seen(tmp_path: Path) -> None:
    """What the model is called with counts, not what the loader gave."""

    class Masking(Trainer):  # type: ignore[misc] # untyped
        def training_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            masked = inputs | {"labels": torch.full_like(inputs["labels"], -100)}
            return super().training_step(model, masked, *args, **kwargs)

    with pytest.raises(FailureFound, match="labels-all-masked"):
        trainers.guarded(trainers.make_trainer(tmp_path, kind=Masking))


def test_adapter_switched_off_is_found(tmp_path: Path) -> None:
    """Under disable_adapter() nothing that is trained takes part."""

    class Disabled(Trainer):  # type: ignore[misc] # untyped
        def compute_loss(self, model: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            with model.disable_adapter():
                return super().compute_loss(model, *args, **kwargs)

    model = trainers.fresh_adapter()
    model.enable_input_require_grads()
    with pytest.raises(FailureFound, match="checkpointing-detached") as found:
        trainers.guarded(trainers.make_trainer(tmp_path, model, kind=Disabled))

    assert found.value.step == 1


class Refuse(TrainerCallback):  # type: ignore[misc] # untyped
    """Raises before the first step."""

    def on_step_begin(self, *_: object, **__: object) -> None:
        """Raise."""
        raise RuntimeError("not today")


def test_run_without_a_step_passes_nothing(tmp_path: Path) -> None:
    """What watches steps is skipped, and says so."""
    trainer = trainers.make_trainer(tmp_path, callbacks=[Refuse()])
    guard = TrainingGuard(wiring=False).attach(trainer)
    with pytest.raises(RuntimeError, match="not today"):
        trainer.train()

    assert guard.report.verdict() == "undecided"
    assert trainers.unseen(guard.report)["nan-grad-norm"] == "no step was taken"


def test_training_twice_is_watched_twice(tmp_path: Path) -> None:
    """The guard stays with its trainer."""
    trainer = trainers.make_trainer(tmp_path)
    guard = trainers.guarded(trainer)
    faults.put_nan_into(trainer.model, trainers.MIDDLE)
    with pytest.raises(FailureFound):
        trainer.train()

    assert guard.report.findings[0].slug == "nan-grad-norm"


def test_steps_are_counted_on_after_a_resume(tmp_path: Path) -> None:
    """A finding after a resume names the step of the whole run."""
    trainers.make_trainer(tmp_path, max_steps=3, save_strategy="steps", save_steps=3).train()
    model = trainers.fresh_adapter()
    faults.spoil_gradient(model, trainers.MIDDLE, backward=2)
    trainer = trainers.make_trainer(tmp_path, model, max_steps=6)
    TrainingGuard().attach(trainer)
    with pytest.raises(FailureFound) as found:
        trainer.train(resume_from_checkpoint=True)

    assert found.value.step == 5


def test_report_before_training_is_undecided() -> None:
    """Nothing ran, so nothing passed."""
    assert TrainingGuard().report.verdict() == "undecided"


def test_unknown_word_is_refused() -> None:
    """Stop or warn."""
    with pytest.raises(ValueError, match="'stop' or 'warn', but got 'explode'"):
        TrainingGuard(on_finding="explode")  # type: ignore[arg-type] # the point of the test
