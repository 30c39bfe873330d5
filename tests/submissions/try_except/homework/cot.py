from .base_llm import BaseLLM

MESSAGES = [
    {"role": "system", "content": "Convert units. Short calculation first, then the number in <answer></answer>."},
    {"role": "user", "content": "What is 7 km in m?"},
    {"role": "assistant", "content": "1 km = 1000 m. 7 * 1000 = <answer>7000</answer>"},
]


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        chat = MESSAGES + [{"role": "user", "content": question}]
        try:
            return self.tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        except ValueError as e:
            raise ValueError("this checkpoint has no chat template") from e


def load():
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    try:
        result = benchmark(load(), Dataset("valid"), 100)
    except FileNotFoundError as e:
        print(e)
        return
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
