import sys

from .base_llm import BaseLLM
from .data import Dataset, benchmark


class CoTModel(BaseLLM):
    token_budget = 110

    def format_prompt(self, question: str) -> str:
        turns = [
            ("system", "Convert units in one short line and end it with <answer>NUMBER</answer>."),
            ("user", "What is 14 pint in quart?"),
            ("assistant", "1 pint = 0.5 quart. 14 * 0.5 = <answer>7</answer>"),
            ("user", question.strip()),
        ]
        return self.tokenizer.apply_chat_template(
            [{"role": r, "content": c} for r, c in turns], tokenize=False, add_generation_prompt=True
        )


def load() -> CoTModel:
    return CoTModel()


def test_model() -> None:
    result = benchmark(CoTModel(), Dataset("valid"), 100)
    print(f"accuracy {result.accuracy:.3f}  answer_rate {result.answer_rate:.3f}")


if __name__ == "__main__" and sys.argv[1:] == ["test"]:
    test_model()
