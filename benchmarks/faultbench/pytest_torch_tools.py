"""pytest-torch, on a training that is ready to start and on a model that answers. Version read: 1.1.1.

It is a module of its own because it does not watch a run: its runner calls the run's own step, and rehearses it. Which
of its checks are asked stands in the two docstrings, and they end up below the matrix.
"""

from __future__ import annotations

import copy
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch

from .file_tools import quietly
from .subjects import Said

if TYPE_CHECKING:
    from collections.abc import Callable

    from .runs import Run
    from .subjects import Program

STEP = re.compile(r"step (\d+):|at step\(s\) (\d+)|\(steps? (\d+)")  # its steps count from 0
HALF = {torch.float16, torch.bfloat16}


def asking(said: list[Said], now: Callable[[], int] = lambda: 0) -> Callable[[Callable[[], object]], None]:
    """Make a function that asks one check and keeps what it says."""

    def ask(check: Callable[[], object]) -> None:
        try:
            check()
        except AssertionError as failed:
            named = STEP.search(str(failed))
            said.append(Said(int(named[named.lastindex or 1]) + 1 if named else now(), str(failed)))

    return ask


def pytest_torch(run: Run) -> list[Said]:
    """Its training checks on the run's own step: ``run_training(...).assert_healthy`` and four one-batch checks.

    It rehearses: the Trainer's ``training_step``, clipping, optimizer and schedule are called by its runner, and it
    speaks when the rehearsal is over; the step is the one that it names. ``lora_A`` is left out of "receives a
    gradient", because ``lora_B`` begins at zero. ``assert_accumulation_equivalent`` is asked where a run accumulates,
    ``assert_mixed_precision_training``, on a second rehearsal from the same weights, where anything is in half
    precision.
    """
    pt = import_module("pytest_torch")
    trainer = run.trainer
    accumulation = trainer.args.gradient_accumulation_steps
    loader = prepared(trainer)
    groups = [[loader[(step * accumulation + n) % len(loader)] for n in range(accumulation)]
              for step in range(trainer.args.max_steps)]  # fmt: skip

    def step(setup: Any, micro_batches: Any) -> float:  # noqa: ANN401
        run.clock.step = setup.step_index + 1
        loss = 0.0
        for number, batch in enumerate(micro_batches, start=1):
            run.clock.micro_batch = number
            loss += float(trainer.training_step(trainer.model, batch))
        if trainer.args.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(trainer.model.parameters(), trainer.args.max_grad_norm)
        setup.optimizer.step()
        for scheduler in setup.schedulers.values():
            scheduler.step()
        trainer.model.zero_grad()
        return loss

    def loss_of(output: Any) -> Any:  # noqa: ANN401
        return output.loss

    def setup() -> Any:  # noqa: ANN401
        return pt.TrainingSetup(trainer.model, trainer.optimizer, trainer.lr_scheduler)

    said: list[Said] = []
    ask = asking(said, lambda: run.clock.step)
    first = dict(groups[0][0])
    base = [
        name for name, _ in trainer.model.named_parameters() if "lora_" not in name and "modules_to_save" not in name
    ]
    kept = [one for one in (trainer.model, trainer.optimizer, trainer.lr_scheduler) if one is not None]
    before = [copy.deepcopy(one.state_dict()) for one in kept]
    ask(lambda: pt.assert_optimizer_coverage(trainer.model, trainer.optimizer))
    ask(lambda: pt.assert_gradients_finite(trainer.model, first, loss_of))
    ask(lambda: pt.assert_all_params_receive_grad(trainer.model, first, loss_of, ignore=["*lora_A*"]))
    ask(lambda: pt.assert_frozen(trainer.model, first, loss_of, base))
    trainer.model.zero_grad()
    if accumulation > 1:
        ask(lambda: accumulate(pt, run, loader))
    made = pt.run_training(setup, groups, step, steps=trainer.args.max_steps)
    ask(lambda: made.assert_healthy(max_grad_norm=100.0))
    ask(made.assert_loss_decreases)
    if trainer.args.fp16 or trainer.args.bf16 or HALF & {one.dtype for one in trainer.model.parameters()}:
        for one, state in zip(kept, before, strict=True):
            one.load_state_dict(state)
        ask(lambda: pt.assert_mixed_precision_training(setup, groups, step, steps=trainer.args.max_steps))
    return said


def prepared(trainer: Any) -> list[Any]:  # noqa: ANN401 - a Trainer
    """Make the optimizer and the schedule of a Trainer, as ``train()`` would, and all its batches."""
    try:
        trainer.create_optimizer_and_scheduler(trainer.args.max_steps)
    except AttributeError:  # torch's schedules take no optimizer whose step was replaced by a plain function
        trainer.lr_scheduler = None
    trainer.current_gradient_accumulation_steps = trainer.args.gradient_accumulation_steps
    trainer.model.train()
    return list(trainer.get_train_dataloader())


def accumulate(pt: Any, run: Run, batches: list[Any]) -> None:  # noqa: ANN401 - the package
    """``assert_accumulation_equivalent`` on the Trainer's own step, on copies of the model.

    The step is told how many labels the whole batch has, as the Trainer tells it.
    """
    trainer = run.trainer
    parts, cycles = trainer.args.gradient_accumulation_steps, 2
    whole = [{name: one for name, one in dict(batch).items() if torch.is_tensor(one)} for batch in batches[:cycles]]
    run.clock.step = 0  # a fault that belongs to a step is not in it

    def setup() -> Any:  # noqa: ANN401
        model = copy.deepcopy(trainer.model)
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        return pt.TrainingSetup(model, torch.optim.SGD(trained, lr=trainer.args.learning_rate))

    def step_of(count: int) -> Any:  # noqa: ANN401
        def step(setup: Any, batch: Any) -> float:  # noqa: ANN401
            trainer.current_gradient_accumulation_steps = count
            cycle, number = divmod(setup.step_index, count)
            labels = (whole[cycle]["labels"][:, 1:] != -100).sum()
            loss = float(trainer.training_step(setup.model, batch, labels))
            if number == count - 1:
                setup.optimizer.step()
                setup.optimizer.zero_grad()
            return loss

        return step

    try:
        pt.assert_accumulation_equivalent(setup, whole, step_of, accumulation_steps=parts, cycles=cycles)
    finally:
        trainer.current_gradient_accumulation_steps = parts


class Logits(torch.nn.Module):
    """The logits alone, as its checks compare them."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        """Of this model."""
        super().__init__()
        self.model = model

    def forward(self, **given: Any) -> Any:  # noqa: ANN401
        """Without a cache."""
        return self.model(**given, use_cache=False).logits


def pytest_torch_program(program: Program) -> list[Said]:
    """``check_inference_contract``, ``assert_finite``, four invariances and ``assert_generation_equal``.

    The contract is finite outputs, determinism, batches and a model that is left as it is; the invariances are those
    of batches, of padding and of what is masked, on two prompts. The last compares generation in a batch and alone;
    ``assert_models_agree`` is asked too, where the trained model is still in memory.
    """
    pt = import_module("pytest_torch")
    llm = program.llm
    prompts = [llm.format_prompt(str(row[0])) for row in program.rows[:8]]
    two = [
        llm.tokenizer(prompt)["input_ids"]
        for prompt in sorted(set(prompts), key=len)[:: max(1, len(set(prompts)) - 1)][:2]
    ]
    longest = max(map(len, two))
    inputs = {
        "input_ids": torch.tensor([ids + [llm.tokenizer.pad_token_id] * (longest - len(ids)) for ids in two]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in two]),
    }
    said: list[Said] = []
    ask = asking(said)

    def generate(how: str, asked: Any, *_: object) -> Any:  # noqa: ANN401
        texts = llm.batched_generate(asked) if how == "batch" else [llm.batched_generate([one])[0] for one in asked]
        made = [list(text.encode()) for text in texts]
        return torch.tensor([one + [0] * (400 - len(one)) for one in made])  # no completion is that long

    with quietly(), torch.no_grad():
        logits = Logits(llm.model).eval()
        ask(lambda: pt.check_inference_contract(logits, inputs).raise_if_failed())
        ask(lambda: pt.assert_finite(logits(**inputs), "logits"))
        ask(lambda: pt.assert_batch_invariant(logits, inputs))
        if longest > min(map(len, two)):
            ask(lambda: pt.assert_mask_invariant(logits, inputs, vocab_size=len(llm.tokenizer)))
        ask(lambda: pt.assert_padding_invariant(logits, inputs, side="right", pad_value=llm.tokenizer.pad_token_id))
        ask(lambda: pt.assert_generation_equal("batch", "alone", prompts, generate=generate))
        if program.live is not None:
            ask(lambda: pt.assert_models_agree(Logits(program.live).eval(), logits, inputs, max_abs=1e-3))
    return said
