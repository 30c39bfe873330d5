from .base_llm import BaseLLM
from .data import Dataset, benchmark


class CoTModel(BaseLLM):
    max_new_tokens = 120
    system = "Convert units. Give the factor, one multiplication, then <answer>number</answer>. Nothing else."
    example = ("Convert 5 kg to g.", "1 kg = 1000 g. 5 * 1000 = <answer>5000</answer>")

    def format_prompt(self, question: str) -> str:
        asked, answered = self.example
        messages = [
            {"role": "system", "content": self.system},
            {"role": "user", "content": asked},
            {"role": "assistant", "content": answered},
            {"role": "user", "content": question.strip()},
        ]
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    result = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
