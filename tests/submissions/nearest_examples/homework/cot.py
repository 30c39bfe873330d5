from .base_llm import BaseLLM
from .examples import DEFAULT, ExampleBank

SYSTEM = "You are a careful unit converter. Answer with one line of arithmetic and put the result in <answer></answer>."


class CoTModel(BaseLLM):
    def __init__(self, *args, retrieve: int = 0, **kwargs):
        super().__init__(*args, **kwargs)
        self.retrieve = retrieve
        self.bank = ExampleBank() if retrieve else None

    def format_prompt(self, question: str) -> str:
        shots = list(DEFAULT)
        if self.bank is not None:
            shots += self.bank.nearest(question, self.retrieve)
        messages = [{"role": "system", "content": SYSTEM}]
        for q, reply in shots:
            messages.append({"role": "user", "content": q})
            messages.append({"role": "assistant", "content": reply})
        messages.append({"role": "user", "content": question})
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def load() -> CoTModel:
    return CoTModel(retrieve=3, max_new_tokens=80)


def test_model():
    from .data import Dataset, benchmark

    result = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
