"""Rows, functions, plans, bundles, packages and source code: what else a fine-tuning can fail by, and healthy twins."""

from __future__ import annotations

import functools
import json
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faults
import snippets
import support
import tiny_submission
import torch
from code_pairs import PAIRS

from homework.adapter_files import find_adapter
from homework.base_llm import BaseLLM
from homework.conversion_utils import make_splits
from homework.data import BenchmarkResult
from homework.packing import write_zip
from unsilent.bundled import choose_files
from unsilent.reasoning import complaint_about

from .registry import control, fault
from .subjects import Bundle, Function, Package, Plan, Rows, Source

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
REASONED = [support.REASONED_ROWS[index] for index in (0, 1, 3)] * 4


# rows


def written(folder: Path, rows: Any, valid: Any = None) -> Rows:  # noqa: ANN401
    """Rows as a JSON file, with those to validate on beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.json").write_text(json.dumps(rows))
    if valid is not None:
        (folder / "valid.json").write_text(json.dumps(valid))
    return Rows(folder / "train.json", None if valid is None else folder / "valid.json")


def own_data() -> tuple[list[Any], list[Any]]:
    """The project's own splits."""
    return (json.loads((ROOT / "data" / "train.json").read_text()), json.loads((ROOT / "data" / "valid.json").read_text()))


@fault(Rows, "train-valid-overlap")
def valid_rows_in_train(folder: Path) -> Rows:
    """Twenty rows of valid stand in train, verbatim."""
    train, valid = own_data()
    faults.copy_rows(train, valid, 20)
    return written(folder, train, valid)


@fault(Rows, "train-valid-overlap")
def valid_rows_in_capitals(folder: Path) -> Rows:
    """Twenty rows of valid stand in train, in capitals."""
    train, valid = own_data()
    faults.copy_rows(train, valid, 20, str.upper)
    return written(folder, train, valid)


@fault(Rows, "train-valid-overlap")
def valid_rows_reworded(folder: Path) -> Rows:
    """Half of valid asks what train asks, in other words."""
    train, valid = make_splits()
    rows = faults.reword_rows(train, valid, 500)
    known = {question.text for question in train}
    return written(folder, [question.row for question in train], [row for row in rows if row[0] not in known])


for _slug, _title, _spoil in (
    ("tags-left-out", "Reasoning without its answer tags", faults.leave_out_tags),
    ("two-answers", "Reasoning with two answers in tags", faults.answer_twice),
    ("chat-debris", "Reasoning with the template's tokens", faults.keep_chat),
    ("role-names", "Reasoning that begins with a role's name", faults.keep_role_names),
):
    fault(Rows, "dirty-rows", slug=_slug, title=_title)(
        lambda folder, spoil=_spoil: written(folder, [*REASONED[:2], *spoil(REASONED[2:])])
    )


@fault(Rows, "dirty-rows")
def accepted_by_number(folder: Path) -> Rows:
    """A sampler took whatever holds the right number."""
    texts = ["1 m = nan cm, so <answer>300</answer>", "300"]
    taken = [faults.accept_by_number(REASONED[0], [text]) for text in texts]
    return written(folder, [*REASONED, *taken])


@fault(Rows, "zero-rows")
def nothing_left(folder: Path) -> Rows:
    """A file without a row: every sample was rejected."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = faults.leave_out_tags(support.REASONED_ROWS)
    faults.write_whatever_is_left(folder / "rft.json", rows, lambda row: not complaint_about(row[2], row[1]))
    return Rows(folder / "rft.json")


@fault(Rows, "zero-rows")
def opened_and_never_filled(folder: Path) -> Rows:
    """JSON lines without a row."""
    folder.mkdir(parents=True, exist_ok=True)
    faults.open_lines_and_fill_later(folder / "rft.jsonl")
    return Rows(folder / "rft.jsonl")


def sampled(folder: Path, spoil: Callable[[Path, Any], object] = lambda path, tokenizer: None) -> Rows:
    """Reasoning that a model wrote, with its record, and what can draw it again."""
    llm = BaseLLM(str(support.write_tiny_base(folder / "base")), dtype="fp32", device="cpu")
    support.write_sampled(folder / "rft.json", llm)
    spoil(folder / "rft.json", llm.tokenizer)
    return Rows(folder / "rft.json", sampler=lambda _: llm)


for _slug, _title, _forge in (
    ("reasoned-by-algebra", "Reasoning made from the algebra, record forged", faults.reason_by_algebra),
    ("answers-patched", "The right number put behind the model's text, record forged", faults.patch_answers),
    ("row-edited", "One row edited by hand", lambda path, _: faults.edit_reasoning(path)),
    ("answer-edited", "One answer edited by hand", lambda path, _: faults.edit_answer(path)),
    ("another-question", "One reasoning put under another question", lambda path, _: faults.ask_another_question(path)),
    ("another-seed", "Reasoning drawn from another seed than recorded", lambda path, _: faults.record_other_seed(path)),
):
    fault(Rows, "fabricated-reasoning", "dirty-rows", words="fabricated-reasoning", slug=_slug, title=_title)(
        partial(sampled, spoil=_forge)
    )


@control(Rows)
def own_splits(folder: Path) -> Rows:
    """The project's own train and valid."""
    return written(folder, *own_data())


@control(Rows)
def reasoned_rows(folder: Path) -> Rows:
    """Clean rows of reasoning."""
    return written(folder, REASONED)


# functions of somebody's own


@fault(Function, "adapter-format")
def finder_of_bin_alone(folder: Path) -> Function:
    """A finder that knows adapter_model.bin alone."""
    folder.mkdir(parents=True, exist_ok=True)
    return Function("finder", faults.look_for_bin_alone)


@fault(Function, "adapter-missing")
def loader_that_creates(folder: Path) -> Function:
    """A loader that creates the adapter it cannot find."""
    base = support.write_tiny_base(folder / "base")
    return Function("loader", lambda path: faults.create_when_missing(base, path))


@fault(Function, "deprecated-dtype-argument")
def dtype_swallowed(folder: Path) -> Function:
    """A loader that drops dtype: it knows torch_dtype alone."""
    base = support.write_tiny_base(folder / "base")
    return Function("dtype", lambda dtype: faults.swallow_dtype(base, dtype=dtype))


@fault(Function, "deprecated-dtype-argument")
def torch_dtype_passed(folder: Path) -> Function:
    """transformers 5 is called with torch_dtype."""
    base = support.write_tiny_base(folder / "base")
    return Function("dtype", lambda dtype: faults.pass_torch_dtype(base, dtype))


RIGHT = [300.0, 2000.0, 60.0]


@fault(Function, "nan-score")
def grader_in_points(folder: Path) -> Function:
    """A grader that converts NaN to an integer."""
    folder.mkdir(parents=True, exist_ok=True)
    return Function("scorer", lambda answers: faults.grade_in_points(answers, RIGHT), {"right": RIGHT})


@fault(Function, "nan-score")
def grader_by_exclusion(folder: Path) -> Function:
    """A grader to which NaN is right."""
    folder.mkdir(parents=True, exist_ok=True)
    return Function("scorer", lambda answers: faults.grade_by_exclusion(answers, RIGHT), {"right": RIGHT})


@fault(Function, "nan-score")
def score_clipped(folder: Path) -> Function:
    """A bound makes a perfect score of NaN."""
    folder.mkdir(parents=True, exist_ok=True)
    return Function("scorer", lambda answers: faults.clip_score(sum(answers) / 2360), {"right": RIGHT})


@control(Function)
def finder_of_every_format(folder: Path) -> Function:
    """A finder that knows every format."""
    folder.mkdir(parents=True, exist_ok=True)
    return Function("finder", lambda path: find_adapter(str(path), command="train"))


@control(Function)
def loader_of_both_names(folder: Path) -> Function:
    """A loader that takes dtype."""
    base = support.write_tiny_base(folder / "base")
    return Function("dtype", lambda dtype: BaseLLM(str(base), dtype=dtype, device="cpu"))


@control(Function)
def plain_grader(folder: Path) -> Function:
    """A grader to which NaN is wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [("q", right) for right in RIGHT]
    return Function("scorer", lambda answers: BenchmarkResult.from_answers(answers, rows, 3), {"right": RIGHT})


# plans

TOKENS = 400


def plan(rows: int, steps: int) -> Plan:
    """A batch plan on 0.2 GB of memory."""
    model = support.tiny_adapter().train()
    model.get_base_model().set_attn_implementation("eager")
    row = {name: torch.ones(1, TOKENS, dtype=torch.int64) for name in ("input_ids", "attention_mask", "labels")}
    batch = {"micro_batch_size": rows, "accumulation_steps": steps, "effective_batch": 32, "memory_bytes": 200_000_000}
    return Plan({"model": model, "row": row, **batch})


@fault(Plan, "micro-batch-too-large")
def planned_without_looking(folder: Path) -> Plan:
    """32 rows at once on 0.2 GB."""
    folder.mkdir(parents=True, exist_ok=True)
    return plan(*faults.plan_without_looking())


@fault(Plan, "micro-batch-too-large", words="effective-batch")
def accumulation_not_halved(folder: Path) -> Plan:
    """Micro-batch doubled, accumulation not halved."""
    folder.mkdir(parents=True, exist_ok=True)
    return plan(*faults.grow_micro_batch_alone(2, 16))


@control(Plan)
def plan_that_fits(folder: Path) -> Plan:
    """2 rows, 16 times."""
    folder.mkdir(parents=True, exist_ok=True)
    return plan(2, 16)


COURSE_BASE = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 960, "intermediate_size": 2560,
    "num_hidden_layers": 32, "num_attention_heads": 15, "num_key_value_heads": 5, "vocab_size": 49152,
    "tie_word_embeddings": True,
}  # fmt: skip
COURSE_ADAPTER = {"peft_type": "LORA", "r": 33, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}


def sized(folder: Path, spoil: Callable[[Path, Path], object] = lambda base, adapter: None) -> Plan:
    """Configurations of the course's 360M and of an adapter on it."""
    base, adapter = folder / "base", folder / "sft"
    for path, name, content in ((base, "config.json", COURSE_BASE), (adapter, "adapter_config.json", COURSE_ADAPTER)):
        path.mkdir(parents=True)
        (path / name).write_text(json.dumps(content))
    spoil(base, adapter)
    return Plan(base=base, adapter=adapter)


fault(Plan, "base-too-large", slug="rank-too-high", title="A rank that the limit has no room for")(
    partial(sized, spoil=lambda _, adapter: faults.raise_rank(adapter, 34))
)
fault(Plan, "base-too-large", slug="base-of-more-layers", title="A base with two layers more")(
    partial(sized, spoil=lambda base, _: faults.take_larger_base(base, 34))
)
control(Plan, slug="largest-rank-that-fits", title="The largest rank that fits")(sized)


# bundles


def packed(folder: Path, pack: Callable[[Path, Path], object], parent: str = "work", *, checkpoint: bool = False) -> Bundle:
    """A package and the zip that was made of it."""
    package = support.write_package(folder / parent / "homework")
    if checkpoint:
        support.write_checkpoint(package / "sft_model")
    pack(package, folder / "UTID.zip")
    return Bundle(folder / "UTID.zip", package, 50_000)


fault(Bundle, "bundle-too-large", slug="zip-emptied", title="A pattern that matched a parent's name emptied the zip", words="zip-emptied")(
    partial(packed, pack=faults.zip_by_patterns_anywhere, parent="grader")
)
fault(Bundle, "bundle-too-large", slug="zip-with-checkpoints", title="The optimizer's state is packed as well")(
    partial(packed, pack=faults.zip_everything, checkpoint=True)
)
fault(Bundle, "bundle-too-large", slug="zip-from-inside", title="Files at the top of the zip, no folder", words="zip-from-inside")(
    partial(packed, pack=faults.zip_from_inside)
)
control(Bundle, slug="zip-as-it-should-be", title="Packed by names below the folder")(
    partial(packed, pack=lambda at, zip_path: write_zip(zip_path, at, at.name, choose_files(at).included, {}))
)


# packages that a grader runs


def graded(folder: Path, spoil: Callable[[Path], object] = lambda at: None, seconds: float = 2.0) -> Package:
    """A submission that answers in milliseconds."""
    folder.mkdir(parents=True, exist_ok=True)
    package = tiny_submission.write_submission(folder)
    tiny_submission.take_time_for_each_call(package, 0.6)
    spoil(package)
    return Package(package, tiny_submission.QUESTIONS, seconds)


for _slug, _title, _cause, _needs in (
    ("asks-one-by-one", "Every question is a batch of its own", "answers-too-slow", faults.ask_one_by_one),
    ("slow-load", "The load does again what could be saved", "answers-too-slow", lambda at: faults.work_out_at_load(at, 2.5)),
    ("never-ends", "The load never ends", "answers-too-slow", faults.never_end),
    ("needs-a-package", "Loading imports what a grader has not", "needs-more-than-grader", faults.need_a_package),
    ("needs-the-network", "Loading asks a server", "needs-more-than-grader", faults.need_the_network),
    ("needs-to-write", "Answering writes a cache", "needs-more-than-grader", faults.need_to_write),
):
    fault(Package, _cause, slug=_slug, title=_title)(partial(graded, spoil=_needs))
control(Package, slug="answers-in-time", title="A package that answers in time")(graded)


# source code


def source(folder: Path, code: str) -> Source:
    """A piece of somebody's code, without the marks of what is expected."""
    folder.mkdir(parents=True, exist_ok=True)
    snippets.write(folder, re.sub(r"\s+# <- .*", "", code), prelude=snippets.IMPORTS + snippets.LLM)
    return Source(folder)


for _slug, (_faulty, _healthy) in PAIRS.items():
    fault(Source, _slug, slug=f"code-{_slug}", title=f"In source code: {_slug}")(partial(source, code=_faulty))
    control(Source, slug=f"code-without-{_slug}", title=f"Its twin in source code: {_slug}")(
        partial(source, code=_healthy)
    )


SAMPLER = '''
CHUNK = 4

def load():
    return Sampler()

class Sampler:
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        if len(prompts) > CHUNK:
            chunks = [prompts[start : start + CHUNK] for start in range(0, len(prompts), CHUNK)]
            return [text for chunk in chunks for text in self.batched_generate(chunk)]
        return [f"{prompt} 1</answer>" for prompt in prompts]
'''
TRAINED = '''
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Trainer

RANK = 32

def train_model():
    base = AutoModelForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-360M-Instruct")
    Trainer(get_peft_model(base, LoraConfig(r=RANK, target_modules="all-linear"))).train()
'''


def module(folder: Path, code: str, spoil: Callable[[Path], object] = lambda at: None) -> Source:
    """One module."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rft.py").write_text(code)
    spoil(folder / "rft.py")
    return Source(folder)


fault(Source, "unbounded-recursion", slug="splits-itself", title="A chunk of the chunk's size is split again")(
    partial(module, code=SAMPLER, spoil=faults.split_at_the_limit)
)
fault(Source, "base-too-large", slug="rank-in-code", title="Rank 64 in the code, no room for it")(
    partial(module, code=TRAINED, spoil=faults.raise_rank_in_code)
)
control(Source, slug="chunks-that-end", title="Chunks that end")(partial(module, code=SAMPLER))
control(Source, slug="rank-that-fits", title="Rank 32 in the code")(partial(module, code=TRAINED))


SUBMISSIONS = ROOT / "tests" / "submissions"


@functools.cache
def healthy_submissions() -> tuple[str, ...]:
    """Names of whole submissions without a fault, in styles of their own."""
    return tuple(
        path.parent.name for path in sorted(SUBMISSIONS.glob("*/expected.toml")) if "[[finding]]" not in path.read_text()
    )


for _name in healthy_submissions():
    control(Source, slug=f"submission-{_name.replace('_', '-')}", title=f"Healthy submission: {_name.replace('_', ' ')}")(
        lambda folder, name=_name: Source(SUBMISSIONS / name)
    )
