from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    instructions = "Convert units in a single short equation. Put only the number into <answer></answer>."
    demonstrations = (
        ("Express 2 km as a quantity of m.", "1 km = 1000 m. 2 * 1000 = <answer>2000</answer>"),
        ("How many day are in 3 week?", "1 week = 7 day. 3 * 7 = <answer>21</answer>"),
    )

    def format_prompt(self, question: str) -> str:
        messages = [{"role": "system", "content": self.instructions}]
        for asked, replied in self.demonstrations:
            messages.extend(({"role": "user", "content": asked}, {"role": "assistant", "content": replied}))
        messages.append({"role": "user", "content": question.strip()})
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load() -> CoTModel:
    return CoTModel()


def test_model() -> None:
    from .data import Dataset, benchmark

    result = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
