from .base_llm import BaseLLM
from .data import Dataset, benchmark


class CoTModel(BaseLLM):
    def __init__(self, checkpoint=None, **settings):
        super().__init__(checkpoint, **({"max_new_tokens": 96} | settings))

    def format_prompt(self, question: str) -> str:
        chat = [
            {"role": "system", "content": "Solve unit conversions in one short line; result in <answer></answer>."},
            {"role": "user", "content": "What is 4 kg in gram?"},
            {"role": "assistant", "content": "1 kg = 1000 gram. 4 * 1000 = <answer>4000</answer>"},
            {"role": "user", "content": question.strip()},
        ]
        return self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    result = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
