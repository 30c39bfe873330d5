from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    style = "few-shot"
    max_new_tokens = 80


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .sft import report

    report(load())


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
