"""How far a round of sampling is: a bar on a terminal, a few lines elsewhere, as a log takes them."""

from __future__ import annotations

import time

LINES = 10  # a round, where there is no terminal for a bar


class Progress:
    """Counts questions, samples that were kept, and the time left."""

    def __init__(self, number: int, questions: int, samples: int) -> None:
        """Begin a round of so many questions, with so many samples each."""
        from tqdm import tqdm  # noqa: PLC0415 - comes with transformers

        self.bar = tqdm(total=questions, desc=f"round {number}", unit="question", disable=None)
        self.number, self.questions, self.samples = number, questions, samples
        self.done = self.right = self.solved = 0
        self.started = time.monotonic()

    def count(self, right: int) -> None:
        """One more question, with so many samples that were kept."""
        self.done += 1
        self.right += right
        self.solved += right > 0
        share = f"{self.right / (self.done * self.samples):.1%} of samples kept, {self.solved} questions with a row"
        self.bar.set_postfix_str(share, refresh=False)
        self.bar.update()
        line_due = self.done * LINES // self.questions > (self.done - 1) * LINES // self.questions
        if self.bar.disable and line_due:
            left = (time.monotonic() - self.started) / self.done * (self.questions - self.done)
            print(
                f"round {self.number}: {self.done} of {self.questions} questions, {share}, {left:.0f} s left",
                flush=True,
            )

    def close(self) -> None:
        """Give the terminal back."""
        self.bar.close()
