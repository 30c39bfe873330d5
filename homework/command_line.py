"""From functions and frozen dataclasses to commands.

A function becomes a command, its parameters become options; a parameter that is a dataclass becomes one option for
each field, so that what can be configured and what can be typed are the same list; a positional-only parameter
is typed without its name. Options are spelt with underscores, as in the course, and dashes are understood. Wrong use
and wrong input end with one paragraph and status 2. Imported only by ``main()`` functions: answering questions needs
no command line.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import time
import typing
from typing import TYPE_CHECKING, Any

import typer

from unsilent.outcome import FailureFound
from unsilent.termination import tidy_on_sigterm

from .errors import BadInput, OptionInvalid
from .processes import ALONE, OF_THIS_RANK, SAID, Processes, leave, one_voice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXIT_BAD_INPUT = 2
EXIT_FAILURE_FOUND = 1
# Seconds until rank 0 has read the command line, too: its imports take as long as ours, but for what the disk and other
# programs do. The launcher ends our sleep when rank 0 has spoken.
LATEST = 10.0


def run(commands: Callable[..., object] | Mapping[str, Callable[..., object]], *, prog: str) -> typing.NoReturn:
    """Run a program made of one function, or of named ones, on ``sys.argv`` and exit.

    Exit status: what the function returns when that is a number, else 0; 1 where a check has stopped a run; 2 for wrong
    use or wrong input.
    """
    with tidy_on_sigterm():
        try:
            status = call(commands, prog=prog)
        finally:
            leave()
        sys.exit(status)


def call(commands: Callable[..., object] | Mapping[str, Callable[..., object]], *, prog: str) -> int:
    """Do what ``run`` does and return the exit status instead of exiting."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"token_normalize_func": lambda name: name.replace("-", "_")},
    )
    if callable(commands):
        app.command()(_flat(commands))
    else:
        app.callback()(lambda: None)  # keeps the name of a lone command necessary
        for name, function in commands.items():
            app.command(name)(_flat(function))
    program = f"python -m {prog}"
    processes = ALONE
    try:
        processes = Processes.of_this_run()
        with one_voice(processes):
            status = app(prog_name=program, standalone_mode=False)
    except (BadInput, FailureFound) as error:
        notes = getattr(error, "__notes__", ())
        if isinstance(error, OptionInvalid) and OF_THIS_RANK not in notes:
            _say_once(f"error: {error}", processes)
        elif SAID not in notes:
            print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILURE_FOUND if isinstance(error, FailureFound) else EXIT_BAD_INPUT
    except typer.Abort:
        print("stopped", file=sys.stderr)
        return 130
    except Exception as error:
        # Usage errors come from click, or from the copy of it inside newer typers; both can format themselves.
        if not hasattr(error, "format_message"):
            raise
        words = error.format_message().strip().rstrip(".")
        _say_once(
            f"error: Expected options and commands of {program}, but got: {words}. Where: the command line. "
            f"What to do: see {program} --help.",
            processes,
        )
        return EXIT_BAD_INPUT
    return status if isinstance(status, int) else 0


def _say_once(words: str, processes: Processes) -> None:
    """Let rank 0 say what every process meets, since all were started by one line.

    The others stay until it has: a launcher ends all as soon as one has ended, and would end rank 0 before its word.
    """
    if processes.is_first:
        print(words, file=sys.stderr)
    else:
        time.sleep(LATEST)


def _flat(function: Callable[..., object]) -> Callable[..., object]:
    """Give ``function`` a signature in which every dataclass is replaced by its fields."""
    hints = typing.get_type_hints(function)
    configs: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    positional: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if dataclasses.is_dataclass(hints[name]):
            configs[name] = hints[name]
            kinds = typing.get_type_hints(hints[name])
            parameters += [
                _parameter(f.name, kinds[f.name], f.default, f.metadata["help"])
                for f in dataclasses.fields(hints[name])
            ]
        else:
            bare = parameter.kind is inspect.Parameter.POSITIONAL_ONLY
            parameters.append(_parameter(name, hints[name], parameter.default, None, bare=bare))
            positional += [name] if bare else []

    def command(**options: object) -> object:
        bare = [options.pop(name) for name in positional]
        arguments: dict[str, object] = {}
        for name, config in configs.items():
            arguments[name] = config(**{field.name: options.pop(field.name) for field in dataclasses.fields(config)})
        return function(*bare, **arguments, **options)

    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # typer reads it
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _parameter(name: str, kind: Any, default: object, text: str | None, *, bare: bool = False) -> inspect.Parameter:  # noqa: ANN401
    spelling = f"--{name}/--no_{name}" if kind is bool else f"--{name}"
    declared: Any = typer.Argument() if bare else typer.Option(spelling, help=text, show_default=default != "")
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=typing.Annotated[kind, declared]
    )
