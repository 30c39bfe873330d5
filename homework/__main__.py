"""List the commands: ``python -m homework``."""

from __future__ import annotations

import sys

COMMANDS = """\
homework: fine-tune a small language model with LoRA, answer with it, measure it

  python -m homework.sft train         fine-tune on data/train.json, then test
  python -m homework.sft test          accuracy and answer rate of a trained adapter
  python -m homework.sft load          load the adapter and say on what base, in which dtype
  python -m homework.sft smoke         8 optimizer steps, saved, reloaded: does this machine train at all?
  python -m homework.cot test          the base model with worked examples, no training
  python -m homework.base_llm test     the base model completes two sentences
  python -m homework.datagen data/rft.json
                                       sample reasoning, keep what is right: rows for RFT
  python -m homework.rft train         fine-tune on sampled reasoning, then test
  python -m homework.rft test          accuracy and answer rate of a trained RFT adapter
  python -m homework.rft load          load the RFT adapter
  python -m homework.bundle homework UTID
                                       the zip that is handed in, of what the gate has passed
  python -m homework.adapter_store     which adapter is in a place, whole or not; puts interrupted saves right
  python -m homework.checkpoints       fetch and convert the embedded base model now
  python -m homework.conversion_utils  write data/train.json and data/valid.json again

Each takes --help. Options are spelt with underscores or dashes."""


def main(arguments: list[str]) -> int:
    """Print the list; anything but a plea for help is a wrong use."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(COMMANDS)
        return 0
    print(
        f"error: Expected no argument, but got {' '.join(arguments)!r}. Where: the command line. "
        "What to do: see python -m homework for the commands.",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
