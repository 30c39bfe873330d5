import sys

from .base_llm import BaseLLM

SYSTEM = """Convert units. Think in one line and close with <answer>...</answer>.
Known: 1 year = 365.242 days, 1 kB = 1000 byte, 1 gallon = 3.785 l."""


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        return self.tokenizer.apply_chat_template(
            [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": "What is the conversion from kg to gram for 6 units?"},
                {"role": "assistant", "content": "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"},
                {"role": "user", "content": question},
            ],
            add_generation_prompt=True,
            tokenize=False,
        )


def load():
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    r = benchmark(load(), Dataset("valid"), 100)
    print(r.accuracy, r.answer_rate)


if __name__ == "__main__" and sys.argv[1:] == ["test"]:
    test_model()
