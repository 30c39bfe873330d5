from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .trl_common import assistant, user

SYSTEM = {"role": "system", "content": "Convert units step by step in one line. Final number in <answer></answer>."}
EXAMPLES = [
    user("How many gram are there per 6 kg?"),
    assistant("1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"),
    user("Convert 2 weeks into days"),
    assistant("1 week = 7 days. 2 * 7 = <answer>14</answer>"),
]


class CoTModel(BaseLLM):
    examples = EXAMPLES

    def format_prompt(self, question):
        return self.tokenizer.apply_chat_template(
            [SYSTEM, *self.examples, user(question)], tokenize=False, add_generation_prompt=True
        )


def load():
    return CoTModel()


def test_model():
    result = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
