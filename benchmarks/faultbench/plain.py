"""The zero line: what a person hears who uses nothing but transformers and PEFT, an exception or a warning.

What a healthy run or load says as well is left out (``CHATTER``); numbers in a log are not alarms, although a person
who looks may see them: ``faultbench.json`` has them for every run.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import warnings
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

import torch
import transformers
from peft import PeftModel

from .subjects import Adapter, Function, Package, Program, Said
from .tool import NotApplicable, Tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .runs import Run

# What every healthy run or load says too
CHATTER = re.compile(
    r"pin_memory|is_gradient_checkpointing|Caching is incompatible|use_cache=True|use_reentrant parameter should|"
    r"`gradient_checkpointing. is deprecated|tie_word_embeddings|The tokenizer has new PAD/BOS/EOS tokens|"
    r"loss_type=None|generation flags are not valid|Setting `pad_token_id`|max_new_tokens|"
    r"Could not find a config file in|torch\.jit\.|lr_scheduler\.step\(\)"
)


class Heard(logging.Handler):
    """Keeps what libraries log from WARNING on."""

    def __init__(self, step: Callable[[], int]) -> None:
        """Begin to listen."""
        super().__init__(logging.WARNING)
        self.step = step
        self.said: list[Said] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message."""
        self.said.append(Said(self.step(), f"{record.name}: {record.getMessage()}"))


@contextlib.contextmanager
def listening(step: Callable[[], int] = lambda: 0) -> Iterator[list[Said]]:
    """Hear warnings, log messages and the exception that ends it."""
    heard = Heard(step)
    loggers = [logging.getLogger(name) for name in ("transformers", "peft", "accelerate", "trl", "torch")]
    said: list[Said] = []
    with warnings.catch_warnings(record=True) as warned, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("always")
        for logger in loggers:
            logger.addHandler(heard)
        try:
            yield said
        except NotApplicable:
            raise
        except Exception as error:  # noqa: BLE001 - the exception is what is heard
            said.append(Said(step(), f"{type(error).__name__}: {error}"))
        finally:
            for logger in loggers:
                logger.removeHandler(heard)
    said += heard.said + [Said(0, f"{one.category.__name__}: {one.message}") for one in warned]
    said[:] = [one for one in said if not CHATTER.search(one.text)]


def on_run(run: Run) -> list[Said]:
    """``trainer.train()``: exceptions, warnings and what transformers logs as one."""
    with listening(lambda: run.clock.step) as said:
        run.train()
    return said


def model_class(base: Path) -> Any:  # noqa: ANN401 - a class of transformers
    """The class that the base's configuration names."""
    return getattr(transformers, json.loads((base / "config.json").read_text())["architectures"][0])


def refuse_others(adapter: Adapter) -> None:
    """Raise for folders that hold no adapter of their own: of a merged model, or of a whole run with its checkpoints.

    Raises:
        NotApplicable: It is one; a tool for adapters says rightly that there is none.
    """
    if (adapter.path / "model.safetensors").is_file():
        raise NotApplicable("a merged model: there is no adapter in it")
    if list(adapter.path.glob("checkpoint-*")) and not (adapter.path / "adapter_config.json").is_file():
        raise NotApplicable("it takes the folder of one checkpoint, not that of the run")


def on_adapter(adapter: Adapter) -> list[Said]:
    """``PeftModel.from_pretrained(base, adapter)`` and one forward pass."""
    if adapter.path.suffix == ".zip":
        raise NotApplicable("PEFT loads folders")
    refuse_others(adapter)
    with listening() as said:
        base = model_class(adapter.base).from_pretrained(adapter.base)
        model = PeftModel.from_pretrained(base, str(adapter.path)).eval()
        ids = torch.arange(12)[None] + 3
        extra = {"decoder_input_ids": ids} if model.config.is_encoder_decoder else {}
        with torch.no_grad():
            model(input_ids=ids, **extra)
    return said


def on_program(program: Program) -> list[Said]:
    """The questions are asked and answered: exceptions and warnings."""
    with listening() as said:
        program.llm.answer(*(str(row[0]) for row in program.rows))
    return said


def on_function(function: Function) -> list[Said]:
    """The function is called as its author does: a scorer with one NaN among the answers, others with what exists."""
    if function.use == "finder":
        raise NotApplicable("a finder that finds nothing says nothing")
    with listening() as said:
        if function.use == "scorer":
            function.call([float("nan"), *function.example["right"][1:]])
        elif function.use == "dtype":
            function.call(torch.bfloat16)
        else:
            import tempfile
            from pathlib import Path

            with tempfile.TemporaryDirectory() as folder:
                function.call(Path(folder) / "sft")
    return said


def on_package(package: Package) -> list[Said]:
    """The package is imported and asked on the author's machine, as an author tries it."""
    import subprocess
    import sys

    code = f"import homework; print(homework.load_sft().answer(*{list(package.questions)}))"
    try:
        done = subprocess.run(  # noqa: S603 - the package is one of ours
            [sys.executable, "-c", code],
            cwd=package.folder.parent, capture_output=True, text=True, check=False, timeout=5 * package.seconds,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        return [Said(0, f"still running after {late.timeout:g} s")]
    return [Said(0, done.stderr.strip().splitlines()[-1])] if done.returncode else []


PLAIN: dict[type, Callable[[Any], list[Said]]] = {
    Adapter: on_adapter,
    Program: on_program,
    Function: on_function,
    Package: on_package,
}


def make_plain(live: dict[type, Callable[[Any], list[Said]]]) -> Tool:
    """The column; live trainings are passed in, because their classes import much."""
    return Tool(
        "plain",
        "transformers",
        {**live, **PLAIN},
        "there is nothing to call: it is read or looked at by nobody",
    )
