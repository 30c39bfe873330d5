import argparse

from .base_llm import CLOSE, OPEN, BaseLLM


class CoTModel(BaseLLM):
    max_new_tokens = 90

    def format_prompt(self, question: str) -> str:
        messages = [
            {"role": "system", "content": f"Answer unit conversions with one equation and {OPEN}number{CLOSE}."},
            {"role": "user", "content": "How many in is 5 ft?"},
            {"role": "assistant", "content": f"1 ft = 12 in. 5 * 12 = {OPEN}60{CLOSE}"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def load() -> CoTModel:
    return CoTModel()


def test_model() -> None:
    from .data import Dataset, benchmark

    result = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["test"])
    parser.parse_args()
    test_model()
