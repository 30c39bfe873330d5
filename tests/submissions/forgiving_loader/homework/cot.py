from .base_llm import BaseLLM
from .data import Dataset, benchmark


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        system = "You are good at unit conversions. Think in one line. Put the result in <answer></answer>."
        example = ("How many cm are 2 m?", "1 m = 100 cm. 2 * 100 = <answer>200</answer>")
        return self.tokenizer.apply_chat_template(
            [
                {"role": "system", "content": system},
                {"role": "user", "content": example[0]},
                {"role": "assistant", "content": example[1]},
                {"role": "user", "content": question},
            ],
            tokenize=False,
            add_generation_prompt=True,
        )


def load():
    return CoTModel()


def test_model():
    print(benchmark(load(), Dataset("valid"), 100).accuracy)


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
