from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    max_new_tokens = 96

    def format_prompt(self, question: str) -> str:
        """
        Two worked examples, written by hand (neither is a row of train or valid).
        """
        messages = [
            {
                "role": "system",
                "content": "You convert units. Be concise. State the factor, multiply, and put the "
                "result between <answer> and </answer>.",
            },
            {"role": "user", "content": "Could you tell me how many m are in 23 km?"},
            {"role": "assistant", "content": "1 km = 1000 m. 23 * 1000 = <answer>23000</answer>"},
            {"role": "user", "content": "Change 36 inch to yards please"},
            {"role": "assistant", "content": "1 yd = 36 in. 36 / 36 = <answer>1</answer>"},
            {"role": "user", "content": question.strip()},
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
