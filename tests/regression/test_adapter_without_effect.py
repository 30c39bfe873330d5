"""An adapter that changes nothing is found while the model is in memory, whatever switched it off.

Reported for unsloth (#2142): the adapter was loaded, listed and active, and the answers were the base's. Nothing is
raised and nothing warns; the logits with and without it are the same to the last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import faults
import pytest
import support
import torch
from honest_models import honest_llm, splits
from peft import LoraConfig, get_peft_model

from unsilent.dose import check_effect
from unsilent.honesty import probe_honesty

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.regression, pytest.mark.failure("adapter-without-effect")]

ROWS = [["How many cm are in 3 m? <answer>", "300</answer>"], ["What is 1 kg in g? <answer>", "1000</answer>"]]
TOKENIZER = support.tiny_tokenizer()

# The fault, and where the finding says it is.
FAULTS: dict[str, tuple[Callable[[Any], None], str]] = {
    "disabled": (faults.disable_adapters, "disabled in all 14 layers"),
    "scaled by zero": (faults.scale_adapter_by_zero, "scaling of default is 0"),
    "another is active": (faults.activate_a_new_adapter, "new adds nothing; loaded are default, new"),
    "keys dropped": (faults.drop_every_key, "default adds nothing; loaded are default"),
}


def answers(model: Any) -> torch.Tensor:  # noqa: ANN401
    """What the model makes of the first prompt."""
    ids = torch.tensor([TOKENIZER(ROWS[0][0])["input_ids"]])
    return model.generate(  # type: ignore[no-any-return]
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False
    )


def trained(steps: int = 8, lr: float = 1e-2, dtype: torch.dtype = torch.float32) -> Any:  # noqa: ANN401
    """An adapter that was trained for a few steps on the rows."""
    torch.manual_seed(0)
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(support.tiny_model().to(dtype), config)
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=lr)
    for _ in range(steps):
        for prompt, answer in ROWS:
            ids = torch.tensor([TOKENIZER(prompt + answer)["input_ids"]])
            model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


@pytest.mark.parametrize(("fault", "where"), FAULTS.values(), ids=FAULTS.keys())
def test_fault_is_real(fault: Callable[[Any], None], where: str) -> None:
    """The trained model answers otherwise than its base; with the fault it answers as the base does, without a word."""
    model = trained()
    base = answers(support.tiny_model().eval())
    assert not answers(model).equal(base)

    fault(model)

    assert answers(model).equal(base)


@pytest.mark.parametrize(("fault", "where"), FAULTS.values(), ids=FAULTS.keys())
def test_check_finds_it(fault: Callable[[Any], None], where: str) -> None:
    """The likelihood of the answers is a flat line from base to adapter, and the finding says what the switches say."""
    model = trained()
    fault(model)
    outcome = check_effect(model, TOKENIZER, ROWS)

    assert (outcome.status, outcome.slug) == ("failed", "adapter-without-effect")
    assert "Expected other logits with the adapter than without it, but got a difference of 0" in outcome.message
    assert where in outcome.message
    line = outcome.evidence["log_likelihood"]
    assert isinstance(line, dict)
    assert list(line) == ["0", "0.5", "1"]
    assert len(set(line.values())) == 1


@pytest.mark.parametrize(("is_faulty", "found"), [(True, ["adapter-without-effect"]), (False, [])])
def test_quick_probe_finds_it(is_faulty: bool, found: list[str]) -> None:  # noqa: FBT001 - a parameter of the table
    """Without its adapter a program is right too seldom to be disturbed; the adapter is looked at all the same."""
    llm = honest_llm("trained")
    if is_faulty:
        faults.disable_adapters(llm.model)

    assert [finding.slug for finding in probe_honesty(llm, splits()[1], quick=True).findings] == found


def test_healthy_twin_is_left_alone() -> None:
    """A trained adapter makes its answers likelier with every half of it."""
    outcome = check_effect(trained(), TOKENIZER, ROWS)

    assert outcome.status == "passed"
    shown = [float(part.split()[0]) for part in outcome.message.partition(": ")[2].split(", ")]
    assert len(shown) == 3
    assert shown == sorted(set(shown))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def test_one_step_of_training_is_an_effect(dtype: torch.dtype) -> None:
    """However small: an adapter that adds something changes bits, and one that adds nothing changes none."""
    model = trained(steps=1, lr=1e-5, dtype=dtype)

    assert check_effect(model, TOKENIZER, ROWS).status == "passed"


def test_adapter_for_other_tokens_is_left_alone() -> None:
    """One that is invoked by tokens which no row holds is not without effect."""
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM",
                        alora_invocation_tokens=[1, 2], init_lora_weights=False)  # fmt: skip
    outcome = check_effect(get_peft_model(support.tiny_model(), config), TOKENIZER, ROWS)

    assert outcome.status == "skipped"
    assert "acts at tokens [1, 2] alone" in outcome.reason
