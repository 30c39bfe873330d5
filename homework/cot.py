"""Answers without training: the chat template and ten worked examples.

python -m homework.cot test
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base_llm import BaseLLM
from .data import BENCHMARK_ROWS, Dataset, split_dev, summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .data import BenchmarkResult, Row

SYSTEM = (
    "You convert units. Write down the factor, multiply, and put the bare number between <answer> and </answer>. "
    "Be brief."
)

# Facts that anybody knows, one for each kind of unit, and amounts and wordings that vary: chosen to be clear, not by
# looking at the data. With 3 examples 54% of the answers are closed, with 6 84%, with 10 77%, but the right ones among
# 8 samples a question rise from 0.07 over 0.12 to 0.18 (dev part of train, docs/LOG.md). They cost nothing more:
# whatever the number of questions, the examples are run once.
EXAMPLES = (
    ("How many gram are in 6 kg?", "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"),
    ("What is 5 quart in gallon?", "1 quart = 0.25 gallon. 5 * 0.25 = <answer>1.25</answer>"),
    ("Convert 3 weeks into days.", "1 week = 7 days. 3 * 7 = <answer>21</answer>"),
    ("How many seconds are there in 2 h?", "1 h = 3600 seconds. 2 * 3600 = <answer>7200</answer>"),
    ("Convert 7 mph to km/h.", "1 mph = 1.609 km/h. 7 * 1.609 = <answer>11.263</answer>"),
    ("4 byte in bit?", "1 byte = 8 bit. 4 * 8 = <answer>32</answer>"),
    (
        "What is the measurement of 9 inches when converted to cm?",
        "1 inch = 2.54 cm. 9 * 2.54 = <answer>22.86</answer>",
    ),
    ("How many years are in 8 centuries?", "1 century = 100 years. 8 * 100 = <answer>800</answer>"),
    ("Express 10 mL as a quantity of L.", "1 mL = 0.001 L. 10 * 0.001 = <answer>0.01</answer>"),
    ("Convert 2 miles to feet.", "1 mile = 5280 feet. 2 * 5280 = <answer>10560</answer>"),
)


class CoTModel(BaseLLM):
    """The base model, shown worked examples before every question."""

    max_new_tokens = 48  # a factor, a product and the tags take about 30

    def format_prompt(self, question: str) -> str:
        """Wrap the question in a chat that begins with the worked examples."""
        return self.chat(EXAMPLES, question.strip())

    def chat(self, examples: Sequence[tuple[str, str]], question: str) -> str:
        """The chat in which such examples come before the question."""
        messages = [{"role": "system", "content": SYSTEM}]
        for example, answer in examples:
            messages += [{"role": "user", "content": example}, {"role": "assistant", "content": answer}]
        messages.append({"role": "user", "content": question})
        text: str = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return text


def load() -> CoTModel:
    """Load the base model with the worked-example prompt."""
    return CoTModel()


def test_model(rows: int = BENCHMARK_ROWS, *, dev: bool = False, honesty: str = "quick") -> BenchmarkResult:
    """Print accuracy and answer rate, and whether the answers come from the weights.

    Args:
        rows: How many rows of valid to answer.
        dev: Answer the dev part of train instead, for tuning.
        honesty: Probes of where the answers come from: quick, all or none.

    Raises:
        FailureFound: The figures do not mean what they say, or the answers do not come from the weights.
    """
    from unsilent.outcome import FailureFound  # noqa: PLC0415 - never on the way to answers

    from .examination import examine, outcome_lines  # noqa: PLC0415 - knows the algebra, which answering must not

    llm = load()
    print(f"base model: {llm.checkpoint}")
    questions: Sequence[Row] = split_dev(Dataset("train").rows)[1] if dev else Dataset("valid").rows
    result, report = examine(llm, questions, rows, honesty=honesty)
    print(*outcome_lines(report), summary(result), sep="\n")
    for finding in report.findings:
        raise FailureFound(finding)
    return result


def _test_command(rows: int = BENCHMARK_ROWS, *, dev: bool = False, honesty: str = "quick") -> None:
    """Accuracy and answer rate of the base with worked examples, and whether the answers come from its weights.

    --dev asks the dev part of train; --honesty quick, all or none chooses the probes. Status 1: a finding.
    """
    test_model(rows, dev=dev, honesty=honesty)


def main() -> None:
    """Run ``python -m homework.cot test``."""
    from .command_line import run  # noqa: PLC0415

    run({"test": _test_command}, prog="homework.cot")


if __name__ == "__main__":
    main()
