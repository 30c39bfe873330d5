from .base_llm import BaseLLM
from .config import ModelConfig
from .data import Dataset, benchmark

MESSAGES = (
    ("system", "You convert units. State the factor, compute, and end with <answer>number</answer>. Be concise."),
    ("user", "How many ounces are in 2 pounds?"),
    ("assistant", "1 pound = 16 ounces. 2 * 16 = <answer>32</answer>"),
)


class CoTModel(BaseLLM):
    def __init__(self, checkpoint=None, config=None):
        super().__init__(checkpoint, config or ModelConfig(max_new_tokens=120))

    def format_prompt(self, question: str) -> str:
        messages = [{"role": role, "content": content} for role, content in MESSAGES]
        messages.append({"role": "user", "content": question.strip()})
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    result = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
