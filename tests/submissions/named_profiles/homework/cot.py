from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    EXAMPLE = ("How many cm are in 4 m?", "1 m = 100 cm. 4 * 100 = <answer>400</answer>")

    def format_prompt(self, question: str) -> str:
        turns = [
            {"role": "system", "content": "Do the unit conversion in one short line and finish with <answer>x</answer>."},
            {"role": "user", "content": self.EXAMPLE[0]},
            {"role": "assistant", "content": self.EXAMPLE[1]},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)


def load():
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    print(benchmark(load(), Dataset("valid"), 100).accuracy)


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
