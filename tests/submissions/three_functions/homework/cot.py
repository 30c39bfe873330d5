import sys

from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        return self.tokenizer.apply_chat_template(
            [
                {"role": "system", "content": "Convert units. Short reasoning, then <answer>number</answer>."},
                {"role": "user", "content": "How many grams are in 6 kg?"},
                {"role": "assistant", "content": "1 kg = 1000 grams. 6 * 1000 = <answer>6000</answer>"},
                {"role": "user", "content": question},
            ],
            tokenize=False,
            add_generation_prompt=True,
        )


def load():
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    r = benchmark(load(), Dataset("valid"), 100)
    print(r.accuracy, r.answer_rate)


if __name__ == "__main__" and sys.argv[1:] == ["test"]:
    test_model()
