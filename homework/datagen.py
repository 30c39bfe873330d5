"""Rejection sampling: the model reasons N times about every question, and what turned out right is kept.

    python -m homework.datagen data/rft.json                        # one round, with the worked examples of cot.py
    python -m homework.datagen data/rft.json --rounds 3             # each further round samples with what it has learnt
    python -m homework.datagen data/rft.json --rounds 3 --hints     # what stays open is asked again, answer included

A sample is kept when it is right and well formed; nothing is repaired, and nothing enters that was not sampled: beside
the rows lies ``rft.provenance.json`` with model, prompt, seed, sample and tokens of each, from which any row can be
drawn again (``unsilent check data``). Finished questions go to a journal first: a run that was stopped or killed goes
on where it was when the same command is given again, with the same models or not at all. ``rft.json`` is only ever
written whole, after every round.

Source: Z. Yuan et al. 2023 (rejection sampling); E. Zelikman et al. 2022, STaR (a round's model samples the next one;
hints, there rationalization).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unsilent.manifest import sha256_of
from unsilent.outcome import FailureFound
from unsilent.provenance import Round, sidecar_of, text_hash, uniform
from unsilent.reasoning import check_zero_rows

from .adapter_files import find_adapter
from .adapter_store import claim_output
from .configuration import RFTConfig, SamplingConfig
from .data import Dataset, split_dev
from .errors import BadInput, OutputRefused
from .journal import Journal, difference, journal_of
from .replacing import replace_file
from .rft import RFTModel, format_example, with_plain
from .samplers import COMMAND, hinted_sampler, round_folder, sampler_of_round
from .samples import choose_rows, count_rejected, files_of, text_of, why_not
from .sampling_progress import Progress
from .training import train
from .unfinished import is_begun

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .base_llm import BaseLLM
    from .data import Row

# What the journal holds: a round that began, a question that was asked, an adapter that was trained after a round.
BEGAN, ASKED, TRAINED = {"round", "began"}, {"round", "question", "prompt", "kept", "rejected"}, {"round", "trained"}
SHOWN = 3  # rejected samples, where not one was kept


def generate_dataset(
    output_json: str,
    oversample: int = 10,
    temperature: float = 0.6,
    **options: Any,  # noqa: ANN401 - further fields of SamplingConfig
) -> list[Row]:
    """Sample reasoning for the questions of train, and write what turned out right.

    Args:
        output_json: The rows, ``[question, answer, reasoning]``; where each comes from lies beside them.
        oversample: Samples of each question.
        temperature: Of the softmax they are drawn from.
        **options: Fields of ``SamplingConfig``.

    Returns:
        The rows.

    Raises:
        OptionInvalid: A value that no run could use.
        OutputRefused: Something is there that would be lost, somebody else is writing, there is no room, or what was
            begun there cannot be gone on with.
        FailureFound: Not one sample was kept [zero-rows]; nothing was written.
    """
    return sample_rows(Path(output_json), SamplingConfig(oversample=oversample, temperature=temperature, **options))


def sample_rows(output: Path, config: SamplingConfig) -> list[Row]:
    """Do every round, or what is left of it; raises as ``generate_dataset``."""
    _must_be_ours(output)
    data = Dataset("train")
    rows = split_dev(data.rows)[0] if config.dev else data.rows
    questions = list(dict.fromkeys(rows))[: config.limit or None]  # one that comes twice is asked once
    settings = {**config.identity(), "questions": len(questions), "data_sha256": sha256_of(data.path)}
    with Journal(journal_of(output), settings, (BEGAN, ASKED, TRAINED), anew=config.overwrite) as journal:
        if output.exists() and not journal.was_there and not config.overwrite:
            journal.remove()
            raise OutputRefused(
                expected="a name that is still free",
                got="finished rows",
                where=str(output),
                action="name another output, or make them anew with --overwrite",
            )
        try:
            return _Job(output, config, questions, journal).run()
        except KeyboardInterrupt:
            print(f"stopped; {len(journal.entries)} entries are kept: the same command goes on", flush=True)
            raise


def _must_be_ours(output: Path) -> None:
    """Refuse names that would collide, and files that this program did not write: --overwrite is not for those."""
    got = ""
    if output.suffix != ".json" or output.is_symlink():
        got = "a link" if output.is_symlink() else repr(output.name)
    elif output.is_dir():
        got = "a folder"
    elif output.exists() and not sidecar_of(output).exists():
        got = "a file without a record beside it, which something else has written"
    if got:
        raise OutputRefused(
            expected="a file name that ends in .json, free or with rows that were sampled before",
            got=got,
            where=str(output),
            action="name another output, such as data/rft.json, or move away what is there",
        )


class _Job:
    """What is to be sampled, and what of it is done."""

    def __init__(self, output: Path, config: SamplingConfig, questions: Sequence[Row], journal: Journal) -> None:
        self.output = output
        self.config = config
        self.questions = questions
        self.journal = journal
        self.examples: list[str] = []  # a few rejected samples
        self.training = {number: self._training(number) for number in range(1, config.rounds)}

    def _training(self, number: int) -> RFTConfig:
        """How the adapter after a round is trained; what cannot be is refused before anything is sampled."""
        folder = round_folder(self.output, number)
        claim_output(folder, overwrite=True)
        return RFTConfig(
            output_dir=str(folder),
            overwrite=True,
            checkpoint=self.config.checkpoint,
            split=str(self.output.resolve()),
            dev=self.config.dev,
            epochs=self.config.epochs,
            seed=self.config.seed,
        )

    def run(self) -> list[Row]:
        """All rounds; the rows at their end."""
        rows: list[Row] = []
        made: list[Round] = []
        for number in range(1, self.config.rounds + 1):
            for load in self._samplers(number):
                llm = load()
                made.append(self._begin(llm, len(made) + 1))
                self._sample(llm, made[-1])
                del llm  # before an adapter is trained: one base in memory is enough
            rows = self._write(made)
            if number in self.training:
                self._train(number, rows)
        self.journal.remove()
        return rows

    def _samplers(self, number: int) -> list[Callable[[], BaseLLM]]:
        """What samples a round, one after the other: each is a round of its own in the record."""
        usual = partial(sampler_of_round, number, self.output, self.config.checkpoint)
        return [usual, partial(hinted_sampler, self.config.checkpoint)] if self.config.hints else [usual]

    def _asked(self, *, upto: int) -> list[dict[str, Any]]:
        """Questions that were asked in these rounds."""
        return [entry for entry in self.journal.entries if "question" in entry and entry["round"] <= upto]

    def _begin(self, llm: BaseLLM, number: int) -> Round:
        """Describe the round, or hold it to the description it began with.

        Raises:
            OutputRefused: It began with another model: going on would mix what the two have drawn.
        """
        made = Round(
            round=number,
            seed=self.config.seed + number - 1,
            temperature=self.config.temperature,
            oversample=self.config.oversample,
            max_new_tokens=llm.max_new_tokens,
            model=llm.model_record,
            format=type(llm).__name__,
        )
        content = {**made.as_json(), "prompt": text_hash(llm.format_prompt(str(self.questions[0][0])))}
        before = [entry["began"] for entry in self.journal.entries if "began" in entry and entry["round"] == number]
        if before and before[0] != content:
            raise OutputRefused(
                expected=f"the model that round {number} began with",
                got=difference(before[0], content),
                where=str(self.journal.path),
                action="bring that model back to go on, or delete the journal to begin again",
            )
        if not before:
            self.journal.add([{"round": number, "began": content}])
        return made

    def _sample(self, llm: BaseLLM, made: Round) -> None:
        """Sample the questions that no earlier round has solved and this one has not asked yet."""
        asked = self._asked(upto=made.round)
        done = {entry["question"] for entry in asked if entry["round"] == made.round or entry["kept"]}
        left = [index for index in range(len(self.questions)) if index not in done]
        prompts = [llm.format_prompt(str(self.questions[index][0])) for index in left]
        hashes = [text_hash(prompt) for prompt in prompts]
        draws = [[partial(uniform, made.seed, one, sample) for sample in range(made.oversample)] for one in hashes]
        special = tuple(llm.tokenizer.all_special_tokens)
        print(f"round {made.round}: {made.format} on {llm.checkpoint}, {len(left)} questions x {made.oversample}")
        shown = Progress(made.round, len(left), made.oversample)
        for place, completions in llm.complete(prompts, made.oversample, made.temperature, draws=draws):
            kept, rejected = [], Counter[str]()
            for sample, tokens in enumerate(completions):
                text = text_of(llm.tokenizer, tokens)
                if reason := why_not(text, *self.questions[left[place]][:2], special):
                    rejected[reason] += 1
                    self.examples += [f"{reason}: {text!r}"] if len(self.examples) < SHOWN else []
                else:
                    kept.append({"sample": sample, "tokens": tokens, "text": text})
            entry = {"round": made.round, "question": left[place], "prompt": hashes[place]}
            self.journal.add([{**entry, "kept": kept, "rejected": dict(rejected)}])
            shown.count(len(kept))
        shown.close()

    def _write(self, made: Sequence[Round]) -> list[Row]:
        """Write rows and record of these rounds whole, the record first: it says which rows it belongs to.

        Raises:
            FailureFound: There is no row [zero-rows]; the message counts why. Nothing is written.
            OutputRefused: There is no room.
        """
        entries = self._asked(upto=made[-1].round)
        rows, drawn = choose_rows(self.questions, entries)
        rejected = count_rejected(entries)
        outcome = check_zero_rows(rows, rejects=rejected, where=str(self.output))
        if outcome.status == "failed":
            print(*(f"rejected: {example}" for example in self.examples), sep="\n")
            self.journal.remove()  # nothing in it is worth going on with
            raise FailureFound(outcome)
        content, record = files_of(rows, drawn, made)
        try:
            replace_file(sidecar_of(self.output), record)
            replace_file(self.output, content)
        except OSError as error:
            raise OutputRefused(
                expected="room and permission to write the rows",
                got=error.strerror or str(error),
                where=str(self.output),
                action="make room and give the same command again: every finished question is in the journal",
            ) from error
        print(f"{len(rows)} of {len(self.questions)} questions have a row in {self.output}")
        for reason, count in rejected.most_common():
            print(f"{count:>8} samples rejected: {reason}")
        return rows

    def _train(self, number: int, rows: Sequence[Row]) -> None:
        """Train the adapter that samples the next round, unless this job has done so before."""
        folder = round_folder(self.output, number)
        before = [entry["trained"] for entry in self.journal.entries if entry["round"] == number and "trained" in entry]
        if before and before[-1] == _weights_hash(folder):
            return
        config = self.training[number]
        if is_begun(folder) and not self.config.overwrite:
            config = replace(config, resume=True)
        source = with_plain(rows, Dataset("train").rows, config)
        train(config, format_example, RFTModel, source=source, again="the same command goes on")
        self.journal.add([{"round": number, "trained": _weights_hash(folder)}])


def _weights_hash(folder: Path) -> str:
    """The adapter in a folder, by the hash of its weights; empty where there is none."""
    try:
        return sha256_of(find_adapter(str(folder), command=COMMAND).weights[0])
    except BadInput:
        return ""


def _sample_command(output_json: str, /, config: SamplingConfig) -> None:
    """Sample reasoning for the questions of train, keep what turned out right, and write it to OUTPUT_JSON.

    A run that was stopped or killed goes on where it was when the same command is given again. Where each row comes
    from lies beside the rows, in OUTPUT_JSON's name with .provenance.json.
    """
    sample_rows(Path(output_json), config)


def main() -> None:
    """Run ``python -m homework.datagen data/rft.json``."""
    from .command_line import run  # noqa: PLC0415 - sampling from code needs no command line

    _sample_command.__annotations__["config"] = SamplingConfig
    run(_sample_command, prog="homework.datagen")


if __name__ == "__main__":
    main()
