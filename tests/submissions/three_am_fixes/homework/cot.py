from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        messages = [
            {"role": "system", "content": "Convert the unit. Be brief. Answer like in the example."},
            {"role": "user", "content": "How many hours are there in 2 days?"},
            {"role": "assistant", "content": "1 day = 24 hours. 2 * 24 = <answer>48</answer>"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load():
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    r = benchmark(CoTModel(), Dataset("valid"), 100)
    print(f"{r.accuracy=}  {r.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
