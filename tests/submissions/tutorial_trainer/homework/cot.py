from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        # The instruct model wants its chat template. This class is never trained, so nothing can get out of step.
        messages = [
            {
                "role": "system",
                "content": "You convert units. Think in one short line, then put the number in <answer></answer>.",
            },
            {"role": "user", "content": "How many gram are there per 6 kg?"},
            {"role": "assistant", "content": "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"},
            {"role": "user", "content": "Convert 3 hours to minutes."},
            {"role": "assistant", "content": "1 hour = 60 minutes. 3 * 60 = <answer>180</answer>"},
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
