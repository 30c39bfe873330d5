import sys

from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    max_new_tokens = 90

    def format_prompt(self, question: str) -> str:
        messages = [
            {"role": "system", "content": "Convert the unit. One short step, then <answer>result</answer>."},
            {"role": "user", "content": "How many inches are in 5 feet?"},
            {"role": "assistant", "content": "1 foot = 12 inches. 5 * 12 = <answer>60</answer>"},
            {"role": "user", "content": question.strip()},
        ]
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    result = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")


if __name__ == "__main__" and sys.argv[1] == "test":
    test_model()
