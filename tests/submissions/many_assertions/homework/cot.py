from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        """
        Take a question and convert it into a chat template. The LLM will likely answer much
        better if you provide a chat template.
        """
        messages = [
            {
                "role": "system",
                "content": "You are a helpful assistant for unit conversions. Write one calculation and put the final "
                "number in <answer></answer> tags, without the unit.",
            },
            {"role": "user", "content": "How does 4 years measure up in terms of week?"},
            {"role": "assistant", "content": "1 year = 52.177 week. 4 * 52.177 = <answer>208.708</answer>"},
            {"role": "user", "content": "What is the equivalent of 3 yd in ft?"},
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
