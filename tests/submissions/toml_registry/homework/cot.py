from __future__ import annotations

from .base_llm import BaseLLM

_SYSTEM = "You convert units. Think in one short line, then give the number inside <answer></answer>."
# Worked examples for the prompt. Invented by hand, none of them is a row of the data set.
_SHOTS = {
    "How many gram are there per 6 kg?": "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>",
    "Turn 3 yd into ft.": "1 yd = 3 ft. 3 * 3 = <answer>9</answer>",
}


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        turns = [{"role": "system", "content": _SYSTEM}]
        for shown, solved in _SHOTS.items():
            turns += [{"role": "user", "content": shown}, {"role": "assistant", "content": solved}]
        turns.append({"role": "user", "content": question})
        return self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    print(benchmark(load(), Dataset("valid"), 100).accuracy)


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
