"""Answers without training: the chat template and three worked examples.

python -m homework.cot test
"""

from __future__ import annotations

from .base_llm import BaseLLM
from .data import BENCHMARK_ROWS, Dataset, benchmark, summary

SYSTEM = (
    "You convert units. Write down the factor, multiply, and put the bare number between <answer> and </answer>. "
    "Be brief."
)

# One example leaves the 135M without any closing tag; two give an answer rate of 0.35, three 0.68 (60 rows of train).
EXAMPLES = (
    ("How many gram are in 6 kg?", "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"),
    ("What is 5 quart in gallon?", "1 quart = 0.25 gallon. 5 * 0.25 = <answer>1.25</answer>"),
    ("Convert 3 weeks into days.", "1 week = 7 days. 3 * 7 = <answer>21</answer>"),
)


class CoTModel(BaseLLM):
    """The base model, shown worked examples before every question."""

    max_new_tokens = 80  # a factor, a product and the tags take about 40

    def format_prompt(self, question: str) -> str:
        """Wrap the question in a chat that begins with the worked examples."""
        messages = [{"role": "system", "content": SYSTEM}]
        for example, answer in EXAMPLES:
            messages += [{"role": "user", "content": example}, {"role": "assistant", "content": answer}]
        messages.append({"role": "user", "content": question.strip()})
        text: str = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return text


def load() -> CoTModel:
    """Load the base model with the worked-example prompt."""
    return CoTModel()


def test_model(rows: int = BENCHMARK_ROWS) -> None:
    """Print accuracy and answer rate on the first ``rows`` rows of valid."""
    llm = load()
    print(f"base model: {llm.checkpoint}")
    print(summary(benchmark(llm, Dataset("valid"), rows)))


def main() -> None:
    """Run ``python -m homework.cot test``."""
    from .command_line import run  # noqa: PLC0415

    run({"test": test_model}, prog="homework.cot")


if __name__ == "__main__":
    main()
