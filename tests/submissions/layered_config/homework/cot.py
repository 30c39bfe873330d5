from .base_llm import BaseLLM
from .config import ModelConfig

SYSTEM = "You convert units. Show one short line of arithmetic and put the result into <answer></answer>."
SHOTS = (
    ("How many gram are there per 6 kg?", "1 kg = 1000 grams. 6 * 1000 = <answer>6000</answer>"),
    ("Express 4 centuries as a quantity of years.", "1 century = 100 years. 4 * 100 = <answer>400</answer>"),
)


class CoTModel(BaseLLM):
    def __init__(self, *args, config=None, **kwargs):
        super().__init__(*args, config=config or ModelConfig(max_new_tokens=96), **kwargs)

    def format_prompt(self, question: str) -> str:
        messages = [{"role": "system", "content": SYSTEM}]
        for asked, replied in SHOTS:
            messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": replied}]
        messages.append({"role": "user", "content": question.strip()})
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    result = benchmark(load(), Dataset("valid"), 100)
    print(f"accuracy={result.accuracy} answer_rate={result.answer_rate}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
