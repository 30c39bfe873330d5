"""The house's rules: which way imports run, what the answer path needs, what the wheel holds."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import support

ROOT = Path(__file__).parents[2]
ANSWER_PATH = [
    "base_llm",
    "checkpoints",
    "completions",
    "decoding",
    "shared_prefix",
    "precision",
    "data",
    "errors",
    "adapter_files",
    "adapter_loading",
    "devices",
    "tokens",
    "sft",
    "cot",
    "rft",
]
# What a grader has: torch, transformers, peft and what they bring; tqdm and huggingface_hub come with transformers.
GRADER_HAS = {"torch", "transformers", "peft", "tqdm", "huggingface_hub"}


def imports_of(path: Path, *, top_level: bool = False) -> set[str]:
    """Top-level packages that a file imports absolutely; with ``top_level`` only those of its own level."""
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).split(".")[0])
    return found


def relative_imports_of(path: Path, *, anywhere: bool = False) -> set[str]:
    """Sibling modules that a file imports at its own level; with ``anywhere`` also inside functions."""
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree) if anywhere else tree.body
    return {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and node.level and node.module}


@pytest.mark.parametrize("path", sorted((ROOT / "unsilent").glob("*.py")), ids=lambda path: path.stem)
def test_unsilent_knows_nothing_of_homework(path: Path) -> None:
    """What is loaded into other people's processes must not import a package that every student has."""
    assert "homework" not in imports_of(path)


# The rooms of `unsilent`: a stage may use its own room and what all share, never another stage's.
ROOMS = {
    "wiring": {
        *("wiring", "rows", "samples", "child", "collated", "shifts", "precision", "memory"),
        *("resumption", "resumed_files", "resumed_records", "kept_arguments", "run_identity", "run_rows"),
    },
    "guard": {
        *("monitor", "forward_hooks", "judgement", "broken_numbers", "live", "gradients", "movement", "step_record"),
        *("ranks", "rank_facts", "meeting", "fingerprints"),
    },
    "runs": {"runs", "reading", "run_logs", "log_text", "event_files", "symptoms", "curves", "resumed_logs"},
    "adapter": {
        *("adapters", "adapter_card", "adapter_facts", "adapter_folder", "file_checks", "loaders"),
        *("tensor_files", "tensor_values", "tensor_checks", "value_reading"),
        *("lora_intent", "lora_layout", "lora_coverage", "name_patterns"),
        *("pickles", "pickle_machine", "pickle_stack", "pickle_policy", "pickle_script", "pickled_tensors"),
    },
    "evaluation": {
        *("evaluation", "parity", "scores", "scorers", "score_bounds", "speed"),
        *("overlap", "asked_rows", "prompts", "prompt_format", "sent_prompts"),
        *("reasoning", "reasoned_rows", "row_files", "fabrication", "redrawing", "provenance"),
        *("tagged_numbers", "debris", "nonfinite", "drawn_again"),
    },
    "honesty": {
        *("honesty", "rounds", "asking", "signs", "origins", "fresh_questions", "outside", "clean_copy"),
        *("disturbance", "steered_logits", "dose", "unwatched"),
        *("witness", "spoken", "said_numbers", "model_parts", "touched", "data_files", "replacements"),
    },
    "bundle": {"bundle_checks"},
    "submission": {
        *("submission", "base_folders"),
        *("sandbox", "sandbox_script", "sandbox_walls", "sandbox_watch", "sandbox_listening", "closure"),
        *("sandbox_cage", "sandbox_worlds", "sandbox_root", "sandbox_rights", "sandbox_calls", "sandbox_tree"),
        *("grading", "grader_phases", "grader_script", "parameters"),
        *("submission_code", "code_findings", "sources", "unread_code", "entry_points", "model_calls"),
        *(
            "symbols",
            "reading_room",
            "syntax_facts",
            "symbolic_notes",
            "symbolic_things",
            "symbolic_values",
            "symbolic_arithmetic",
            "symbolic_comparisons",
        ),
        *("symbolic_parts", "symbolic_attributes", "symbolic_entries", "symbolic_collections", "symbolic_expressions"),
        *("symbolic_functions", "symbolic_foreign", "symbolic_objects", "symbolic_calls", "symbolic_stores"),
        *("symbolic_patterns", "symbolic_branches", "symbolic_loops", "symbolic_contexts"),
        *("symbolic_definitions", "symbolic_imports", "symbolic_statements"),
        *("known_calls", "known_builtins", "known_functools", "known_options", "known_files"),
        *("known_constants", "known_iterators", "known_kinds", "known_operators", "known_patterns"),
        *("known_methods", "known_texts"),
        *("rules_of_precision", "rules_of_adapters", "rules_of_answers", "rules_of_prompts", "rules_of_training"),
        *("rules_of_size", "rules_of_recursion", "rules_of_dtypes", "rules_of_folders", "rules_of_labels"),
        *("rules_of_padding", "rules_of_bundling", "alike_values", "code_paths", "held_dtypes"),
        *("prompt_shapes", "nan_questions", "tried_numbers", "rules_of_numbers", "surely_written"),
    },
}
SHARED = {
    *("failures", "outcome", "manifest", "adapted", "randomness", "passes", "trainable", "optimization", "trends"),
    *("answers", "proportions", "begin_tokens", "plain_files", "told", "dossier", "bounds", "read_outcomes"),
    *("base_shapes", "base_script", "zip_directory", "archives", "bundled", "attestation"),
}
COMPOSERS = {
    *("guard", "run_keeping", "programs", "cli", "subjects", "pytest_plugin", "pytest_items", "__init__", "__main__"),
    *("delivery", "report", "report_junit", "report_github", "report_html", "pictures"),
    *(
        "gate",
        "gate_answers",
        "gate_command",
        "gate_config",
        "gate_attest",
        "gate_files",
        "gate_progress",
        "gate_subject",
    ),
    *("submission_stages", "submission_command", "submission_questions", "submission_run", "submission_honesty"),
    *("submission_answers", "part_runs", "rewriting"),
    *("judging", "judge_script", "part_judge", "training_record", "sarif", "termination"),
}


def test_stages_do_not_import_each_other() -> None:
    """Only the guard, the gate, the program and the plugin call stages; every module has its room."""
    folder = ROOT / "unsilent"
    room_of = {module: room for room, modules in ROOMS.items() for module in modules}

    assert {path.stem for path in folder.glob("*.py")} == room_of.keys() | SHARED | COMPOSERS
    for module in room_of.keys() | SHARED:
        for other in relative_imports_of(folder / f"{module}.py", anywhere=True):
            assert other in SHARED or room_of.get(other) == room_of.get(module, "none"), f"{module} imports {other}"


@pytest.mark.parametrize("path", sorted((ROOT / "homework").glob("*.py")), ids=lambda path: path.stem)
def test_homework_imports_itself_relatively(path: Path) -> None:
    """The folder may be bundled under another name."""
    assert "homework" not in imports_of(path)


@pytest.mark.parametrize("module", ANSWER_PATH)
def test_answering_needs_only_what_a_grader_has(module: str) -> None:
    """Imported at module level: the standard library, torch, transformers, peft, and siblings of the answer path."""
    path = ROOT / "homework" / f"{module}.py"

    assert imports_of(path, top_level=True) - set(sys.stdlib_module_names) <= GRADER_HAS
    assert relative_imports_of(path) <= set(ANSWER_PATH)


def test_answering_works_without_the_training_tools(tiny_base: Path, tmp_path: Path) -> None:
    """A trained adapter answers in a process where nothing but a grader's packages can be imported."""
    support.train_tiny(tiny_base, tmp_path / "sft", max_steps=1)
    code = (
        "import sys\n"
        "for name in ('typer', 'platformdirs', 'matplotlib', 'gguf', 'unsilent', 'pytest', 'hypothesis'):\n"
        "    sys.modules[name] = None\n"
        "from homework import sft, load_cot, BaseLLM, Dataset\n"
        f"llm = sft.load({str(tmp_path / 'sft')!r})\n"
        "print(len(llm.answer('How many cm are in 3 m?', 'What is 1 kg in g?')))\n"
        "assert not {'homework.conversion_utils', 'homework.units'} & sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.stdout.strip(), done.returncode) == ("2", 0), done.stderr


def test_answer_path_cannot_reach_the_algebra() -> None:
    """No module of the answer path imports units, conversion_utils or augmentation, at any level."""
    for module in ANSWER_PATH:
        text = (ROOT / "homework" / f"{module}.py").read_text()
        assert "conversion_utils" not in text
        assert "augmentation" not in text
        assert "units" not in relative_imports_of(ROOT / "homework" / f"{module}.py", anywhere=True)


# Where answers are made, and what knows right answers: no name that the first uses may lead to the second.
ANSWERING = {".answer", ".generate", ".batched_generate", ".format_prompt", ".parse_answer", "load"}
KNOWING = {"Dataset", "benchmark", "make_splits", "convert", "resolve", "ask", "vary", "variations", "new_questions"}


Known = dict[str, list[tuple[str, ast.stmt]]]


def definitions(package: Path) -> Known:
    """Every function and class of a package by its name, every method as ``.name``, with the module it stands in."""
    found: Known = {}
    for path in sorted(package.glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.setdefault(node.name, []).append((path.stem, node))
            for method in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(method, ast.FunctionDef) and not method.decorator_list:  # a property is data
                    found.setdefault(f".{method.name}", []).append((path.stem, method))
    return found


def reached_from(names: set[str], known: Known) -> tuple[set[str], set[str]]:
    """Names and modules that the code under ``names`` mentions, and the code under these, and so on, with its imports.

    Of attributes those of ``self`` and ``llm`` count: whose method ``path.resolve()`` is, nobody here can know.
    """
    reached, modules, left = set(names), set(), sorted(names)
    while left:
        for module, node in known[left.pop()]:
            modules.add(module)
            for inner in ast.walk(node):
                if isinstance(inner, ast.ImportFrom) and inner.level:
                    modules |= {str(inner.module or ""), *(name.name for name in inner.names)} - {""}
                name = str(getattr(inner, "id", None))
                if isinstance(inner, ast.Attribute) and getattr(inner.value, "id", "") in {"self", "llm"}:
                    name = f".{inner.attr}"
                if name in known and name not in reached:
                    reached.add(name)
                    left.append(name)
    return reached, modules


def test_no_name_leads_from_answering_to_the_answers() -> None:
    """Followed through every function of the package that an answering one mentions, whatever it is imported as."""
    known = definitions(ROOT / "homework")
    known = {name: [place for place in places if place[0] in ANSWER_PATH] or places for name, places in known.items()}
    reached, modules = reached_from(ANSWERING, known)

    assert {"find_adapter", "load_model", "cut_at_tag"} <= reached, "the walk goes nowhere"
    assert not reached & KNOWING
    assert not modules & {"units", "conversion_utils", "augmentation", "examination", "unsilent"}


def test_walk_finds_a_lookup(tmp_path: Path) -> None:
    """The walk itself: a helper's helper that reads the data set is reached."""
    (tmp_path / "one.py").write_text(
        "from .two import helped\n\nclass LLM:\n    def answer(self, *asked):\n        return helped(asked)\n"
    )
    (tmp_path / "two.py").write_text(
        "def helped(asked):\n    from .data import Dataset\n    return Dataset('valid')\n\nclass Dataset:\n    pass\n"
    )
    reached, modules = reached_from({".answer"}, definitions(tmp_path))

    assert "Dataset" in reached
    assert modules == {"one", "two", "data", "Dataset"}


def test_wheel_holds_unsilent_alone() -> None:
    """Homework is run from the checkout and never installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert project["tool"]["setuptools"]["packages"] == ["unsilent"]
    assert project["project"]["scripts"] == {"unsilent": "unsilent.cli:main"}


@pytest.mark.parametrize("package", ["homework", "unsilent"])
def test_every_module_has_its_test_file(package: str) -> None:
    """A reader finds the tests of a module under the same name."""
    modules = {path.stem for path in (ROOT / package).glob("*.py") if not path.stem.startswith("__")}
    tested = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / "unit" / package).glob("test_*.py")}

    assert modules <= tested, f"without a test file: {sorted(modules - tested)}"


def test_no_name_says_nothing() -> None:
    """No module is called utils, helpers, common or misc."""
    files = {path for folder in ("homework", "unsilent", "tests") for path in (ROOT / folder).rglob("*.py")}
    names = {path.stem for path in files if ROOT / "tests" / "submissions" not in path.parents}

    assert not names & {"utils", "util", "helpers", "common", "misc"}
