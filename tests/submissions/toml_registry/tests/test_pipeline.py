"""Faults are put in here on purpose, to see that the pipeline refuses them."""
import pytest
from peft import LoraConfig, get_peft_model

from homework import backbone, base_llm, pipeline


def test_missing_adapter_is_an_error(tmp_path, tiny_model):
    with pytest.raises(FileNotFoundError):
        backbone.stored_adapter(tiny_model, tmp_path)


def test_frozen_adapter_does_not_train(tiny_model):
    frozen = get_peft_model(tiny_model, LoraConfig(task_type="CAUSAL_LM", inference_mode=True))
    assert not any(p.requires_grad for p in frozen.parameters())


def test_fake_answers_are_marked_like_any_others(monkeypatch):
    gold = {"How many g are in 2 kg?": 2000.0}
    monkeypatch.setattr(base_llm.BaseLLM, "answer", lambda self, *q: [gold.get(x, 0.0) for x in q])
    monkeypatch.setattr(base_llm.BaseLLM, "__init__", lambda self: None)
    assert base_llm.BaseLLM().answer("How many g are in 2 kg?") == [2000.0]


def test_all_masked_row_is_refused(tokenizer, monkeypatch):
    monkeypatch.setattr(pipeline, "MAX_LENGTH", 2)
    with pytest.raises(ValueError):
        pipeline.encode(tokenizer, "How many g are in 2 kg? <answer>", "2000</answer>")
