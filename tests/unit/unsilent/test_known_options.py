"""Options of a command line are their defaults, or what the user says."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "command line": (
        "def load():\n    p = ask.Parser()\n    p.add_argument('--out-dir', '-o', default='x')\n    p.add_argument('name')\n    p.add_argument('--flag', action='store_true')\n    p.add_argument('-k', dest='kind', default=1)\n    a = p.parse_args()\n    return [a.out_dir, a.name, a.flag, a.kind]\n",
        ["[Part out_dir | 'x', Part name, Part flag | False, Part kind | 1]"],
    ),
    "groups and commands": (
        "def train(args): return args.rank\ndef load():\n    p = ask.Parser()\n    g = p.add_argument_group('more')\n    g.add_argument('--rank', default=8)\n    s = p.add_subparsers().add_parser('train')\n    s.add_argument('--rank', default=16)\n    s.set_defaults(func=train)\n    ask.other.add_argument('--rank', default=1)\n    a, _ = p.parse_known_args()\n    return [a.rank, a.func(a)]\n",
        ["[Part rank | 8 | 16, Part rank | 8 | 16]"],
    ),
    "typer": (
        "import typer\ndef f(x=typer.Option(3)): return x\ndef load():\n    return [f(), typer.Option()]\n",
        ["[3 | Unknown option, Unknown option]"],
    ),
    "click": (
        "import click\n@click.command()\n@click.option('--lora-rank', '-r', default=8)\n@click.option('--half/--full', 'half', is_flag=True)\n@click.argument('name')\n@ask.whatever\ndef f(lora_rank, half, name): return [lora_rank, half, name]\ndef load():\n    return f()\n",
        ["[8 | Unknown option, False | Unknown option, Unknown option]"],
    ),
    "records": (
        "from dataclasses import dataclass\nfrom transformers import HfArgumentParser\nimport tyro\n@dataclass\nclass A:\n    x: int = 1\n@dataclass\nclass B:\n    y: int = 2\ndef load():\n    a, b = HfArgumentParser((A, B)).parse_args_into_dataclasses()\n    (c,) = HfArgumentParser(A).parse_args_into_dataclasses()\n    return [a.x, b.y, c.x, tyro.cli(A).x, tyro.cli(ask), ask.parse_args_into_dataclasses()]\n",
        ["[1, 2, 1, 1, tyro.cli(), peft.ask.parse_args_into_dataclasses()]"],
    ),
    "fire": (
        "import fire\nseen = []\nclass A:\n    def go(self, x=1): seen.append(x)\n    y = 1\ndef f(x=2): seen.append(x)\ndef load():\n    fire.Fire(A)\n    fire.Fire({'f': f})\n    fire.Fire()\n    return seen\n",
        ["[1, 2, ...]"],
    ),
    "a parser that fills no class": ("ask().parse_args_into_dataclasses()", [".parse_args_into_dataclasses()"]),
    "fire with numbers": (
        "import fire\nclass A: pass\ndef load():\n    return [fire.Fire({'x': 1, 'a': A})]",
        ["[fire.Fire()]"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """What the code gets from its options is known as far as it can be."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
