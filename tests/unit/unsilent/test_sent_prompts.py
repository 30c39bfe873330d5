"""What a program sends to its model is caught on the way, and nothing is changed by it."""

from __future__ import annotations

import math

import pytest
import support
import torch

from unsilent.sent_prompts import listed, read_sent_prompts

TOKENIZER = support.tiny_tokenizer()


class Asker:
    """A program around a tiny model, which answers NaN after any error."""

    def __init__(self) -> None:
        """Build the model."""
        self.model = support.tiny_model().eval()

    def answer(self, *questions: str) -> list[float]:
        """Generate something."""
        try:
            for question in questions:
                ids = torch.tensor([TOKENIZER(question.upper())["input_ids"]])
                self.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=2, do_sample=False)
        except Exception:  # noqa: BLE001 - as such programs do
            return [math.nan] * len(questions)
        return [1.0] * len(questions)


def test_sent_prompts_are_what_the_model_gets() -> None:
    """After whatever the program does to them; no hook is left, and the program answers as before."""
    llm = Asker()

    assert read_sent_prompts(llm, iter(["a b", "c"])) == [TOKENIZER("A B")["input_ids"], TOKENIZER("C")["input_ids"]]
    assert not llm.model.get_input_embeddings()._forward_pre_hooks
    assert llm.answer("a") == [1.0]


def test_sent_prompts_go_through_an_adapter() -> None:
    """A PEFT model generates with the model inside it."""
    llm = Asker()
    llm.model = support.tiny_adapter().eval()

    assert read_sent_prompts(llm, ["c"]) == [TOKENIZER("C")["input_ids"]]


def test_answer_without_the_model_is_refused() -> None:
    """Where no forward pass happens there is nothing to compare; the hook is gone all the same."""
    llm = Asker()
    llm.answer = lambda *questions: [1.0]  # type: ignore[method-assign] # the point

    with pytest.raises(ValueError, match=r"forward pass for every question, but got 0 at .* Where: question 0, 'a'"):
        read_sent_prompts(llm, ["a"])
    assert not llm.model.get_input_embeddings()._forward_pre_hooks


def test_refusal_accuses_nobody() -> None:
    """An encoder's own embeddings, a list of questions, another model: it says what may be."""
    llm = Asker()
    llm.model.get_input_embeddings = lambda: torch.nn.Embedding(2, 2)

    with pytest.raises(ValueError, match=r"at the model's input embeddings.*takes a list.*an encoder and a decoder"):
        read_sent_prompts(llm, ["a"])


def test_embeddings_called_by_keyword_are_read() -> None:
    """Some programs name the argument."""
    llm = Asker()
    llm.answer = lambda *_: [float(llm.model.get_input_embeddings()(input=torch.tensor([[5, 6]])).sum())]  # type: ignore[method-assign] # the point

    assert read_sent_prompts(llm, ["a"]) == [[5, 6]]


@pytest.mark.parametrize(
    ("rows", "count"),
    [("one text", 1), (["a", "b"], 2), (TOKENIZER("a"), 1), (TOKENIZER(["a", "b"]), 2), (TOKENIZER(["a"]), 1)],
    ids=["text", "texts", "encoding", "batch", "batch of one"],
)
def test_prompts_are_listed(rows: object, count: int) -> None:
    """A text is no list of letters, and a batch no list of its columns."""
    assert len(listed(rows)) == count


def test_object_without_a_model_is_refused() -> None:
    """With what was expected."""
    with pytest.raises(ValueError, match=r"an object with .model and .answer, but got object"):
        read_sent_prompts(object(), ["a"])
