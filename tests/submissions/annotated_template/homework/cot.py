from .base_llm import BaseLLM

# the usual factors, as worked examples for the model to imitate
SHOTS = [
    ("Convert 3 feet to inches.", "1 ft = 12 inch. 3 * 12 = <answer>36</answer>"),
    ("How many bytes are in 2 KB?", "1 KB = 1000 byte. 2 * 1000 = <answer>2000</answer>"),
    ("What is 5 pounds in gram?", "1 pound = 453.592 gram. 5 * 453.592 = <answer>2267.96</answer>"),
]


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        chat = [{"role": "system", "content": "Convert the unit. Write one line, the result inside <answer></answer>."}]
        for q, a in SHOTS:
            chat += [{"role": "user", "content": q}, {"role": "assistant", "content": a}]
        chat.append({"role": "user", "content": question})
        return self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    result = benchmark(CoTModel(), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
