from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .deco import COMMANDS, command


class CoTModel(BaseLLM):
    room = 90

    def format_prompt(self, question):
        messages = [
            {"role": "system", "content": "Convert the unit in one short line and put the value in <answer></answer>."},
            {"role": "user", "content": "How many m are in 3 km?"},
            {"role": "assistant", "content": "1 km = 1000 m. 3 * 1000 = <answer>3000</answer>"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


@command("cot")
def load():
    return CoTModel()


@command("cot")
def test_model():
    result = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire(COMMANDS["cot"])
