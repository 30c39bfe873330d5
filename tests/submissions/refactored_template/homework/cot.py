from .base_llm import BaseLLM

FEW_SHOT = {
    "How many min is 3 hour?": "1 hour = 60 min. 3 * 60 = <answer>180</answer>",
    "What is the measurement of 3 kg when converted into pound?": "1 kg = 2.20462 pound. 3 * 2.20462 = <answer>6.61387</answer>",
}


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        if question.startswith("<|im_start|>"):
            return question  # is a chat already
        messages = [{"role": "system", "content": "You convert units. Be brief. Use <answer>...</answer> at the end."}]
        for user, assistant in FEW_SHOT.items():
            messages.append({"role": "user", "content": user})
            messages.append({"role": "assistant", "content": assistant})
        messages.append({"role": "user", "content": question})
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    testset = Dataset("valid")
    benchmark_result = benchmark(CoTModel(), testset, 100)
    print(f"{benchmark_result.accuracy=}  {benchmark_result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
