from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        messages = [
            {
                "role": "system",
                "content": "You convert units. Be concise. Write the factor, multiply, "
                "and put only the final number between <answer> and </answer>.",
            },
            {"role": "user", "content": "How many grams are there in 6 kg?"},
            {"role": "assistant", "content": "1 kg = 1000 g. 6 * 1000 = <answer>6000</answer>"},
            {"role": "user", "content": "Express 3 yd as a quantity of ft."},
            {"role": "assistant", "content": "1 yd = 3 ft. 3 * 3 = <answer>9</answer>"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    testset = Dataset("valid")
    model = CoTModel()
    benchmark_result = benchmark(model, testset, 100)
    print(f"{benchmark_result.accuracy=}  {benchmark_result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
