"""Mutations of the configuration: a field lost, another value, another type, and files that are no configuration.

Imported for its effect: each function enters itself in the list of ``tests/mutations.py``.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from mutations import (
    CONSISTENT,
    CONTRADICTS,
    HARMLESS,
    JUDGE_CONTENT,
    Subject,
    Verdict,
    mutation,
    read_config,
    write_config,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# What another run, a hand or a bug may have put there; the truth is read from what it makes of the folder.
VALUES: Mapping[str, list[Any]] = {
    "r": [1, 2, 3, 5, 8, 64, 0, -4, 10**30, 4.5, math.nan],
    "lora_alpha": [1, 3, 16, 64, 0.5, 1000, math.nan, math.inf, -math.inf, 10**400],
    "target_modules": [
        ["q_proj"],
        ["q_proj", "v_proj", "z_proj"],
        ["z_proj"],
        [],
        "all-linear",
        "(",
        r".*\.q_proj",
        ["q"],
    ],
    "peft_type": ["IA3", "ADALORA", "LOHA", "XYZ", "", "lora", None],
    "use_dora": [True, False],
    "use_rslora": [True, False],
    "lora_bias": [True, False],
    "rank_pattern": [{"q_proj": 2}, {"q_proj": 16, "v_proj": 2}, {"z_proj": 2}, {}, {"(q|v)_proj": 3}],
    "alpha_pattern": [{"q_proj": 2}, {"z_proj": 16}, {}],
    "layers_to_transform": [[0], [0, 1, 2], [1, 7], 1, [99]],
    "modules_to_save": [["lm_head"], ["norm", "z_head"], ["score"], None],
    "exclude_modules": [["q_proj"], ["z_proj"], "z"],
    "target_parameters": [["mlp.experts.gate_up_proj"], ["z.w"]],
    "trainable_token_indices": [[1, 2], {"embed_tokens": [1, 2]}, {"embed_tokens": [3, 5, 7]}],
    "bias": ["all", "lora_only", "none", "some"],
    "task_type": ["SEQ_CLS", "CAUSAL_LM", "FEATURE_EXTRACTION", "FOO", None],
    "base_model_name_or_path": ["example/another", "", None, "../../etc/passwd", "x" * 10_000],
    "init_lora_weights": [True, False, "pissa", "gaussian"],
    "lora_dropout": [0.5, 0.9, -1],
    "fan_in_fan_out": [True, False],
    "inference_mode": [True, False],
    "revision": ["main", "0" * 40],
    "peft_version": ["0.1.0", "99.0"],
    "auto_mapping": [{"base_model_class": "Strange", "parent_library": "os"}],
    "megatron_core": ["os"],
    "a_field_of_tomorrow": [1, [1], {"a": 1}],
}
OF_ANOTHER_TYPE: list[Any] = [
    None,
    True,
    7,
    -1,
    3.5,
    "7",
    "text",
    [],
    [7],
    ["text", 7],
    [[]],
    {},
    {"text": 7},
    {"text": {}},
]


@mutation("LoRA", weight=3)
def field_removed(subject: Subject) -> Verdict:
    """The configuration lacks a field."""
    config = read_config(subject)
    named = [name for name in VALUES if name in config]
    del config[subject.rng.choice(named if subject.rng.random() < 0.8 else list(config))]
    write_config(subject, config)
    return JUDGE_CONTENT


@mutation("LoRA", weight=4)
def field_of_another_value(subject: Subject) -> Verdict:
    """A field says something else, which may fit the rest or not."""
    config = read_config(subject)
    name = subject.rng.choice(list(VALUES))
    config[name] = subject.rng.choice(VALUES[name])
    write_config(subject, config)
    return JUDGE_CONTENT


@mutation("LoRA", weight=3)
def field_of_another_type(subject: Subject) -> Verdict:
    """A field holds what it cannot hold."""
    config = read_config(subject)
    name = subject.rng.choice(list(VALUES) if subject.rng.random() < 0.8 else list(config))
    config[name] = subject.rng.choice(OF_ANOTHER_TYPE)
    write_config(subject, config)
    return JUDGE_CONTENT


@mutation()
def field_of_another_type_elsewhere(subject: Subject) -> Verdict:
    """The same in the configuration of any method: nobody judges it, and nobody may fall over it."""
    config = read_config(subject)
    config[subject.rng.choice(list(config))] = subject.rng.choice(OF_ANOTHER_TYPE)
    write_config(subject, config)
    return JUDGE_CONTENT


@mutation(weight=2)
def config_replaced(subject: Subject) -> Verdict:
    """Something else under the configuration's name: empty, another JSON value, a bomb, an endless number."""
    config = subject.config.read_text()
    bodies: list[str | bytes] = [
        "", " ", "null", "[]", "3", '"text"', "{", "{}", "[" * 1_000_000, '{"a":' * 200_000, "{" * 50_000,
        '{"peft_type": "LORA", "r": ' + "9" * 5_000 + "}", '{"peft_type": "LORA", "r": 1e999}', "x" * 20_000_000,
        '{"peft_type": "LORA", ' + ",".join(f'"{number}": 1' for number in range(300_000)) + "}",
        '{"peft_type": "LORA", "r": 4, "target_modules": [' + ",".join(['"q_proj"'] * 500_000) + "]}",
        bytes(1_000_000), b"\x80\x04N.", b"PK\3\4", config.replace('"', "'"), config * 2,
        config.replace('"LORA"', '"LORA", "peft_type": "\\u0000"'), "%PDF-1.4", "\ufeff", "NaN",
    ]  # fmt: skip
    body = subject.rng.choice(bodies)
    subject.config.write_bytes(body.encode() if isinstance(body, str) else body)
    return JUDGE_CONTENT


@mutation()
def config_in_another_encoding(subject: Subject) -> Verdict:
    """UTF-16, UTF-32, a byte order mark, or a byte that is no UTF-8: PEFT reads none of them."""
    config = read_config(subject)
    text = json.dumps(config | {"revision": "gr\u00fcn"}, indent=2, ensure_ascii=False)
    bodies = [text.encode(name) for name in ("utf-16", "utf-32", "utf-16-le", "utf-8-sig", "latin-1", "cp500")]
    subject.config.write_bytes(subject.rng.choice(bodies))
    return CONTRADICTS


@mutation()
def config_written_otherwise(subject: Subject) -> Verdict:
    """The same in other white space, order or escapes, or with the line ends of another system."""
    config = read_config(subject)
    backwards = dict(reversed(config.items()))
    bodies = [json.dumps(config), json.dumps(backwards, indent=4), json.dumps(config, indent="\t") + "\n" * 100]
    subject.config.write_bytes(subject.rng.choice(bodies).encode())
    return CONSISTENT


@mutation("LoRA")
def line_ends_of_config(subject: Subject) -> Verdict:
    """The line ends of another system, as git may write them: the manifest lets that pass."""
    subject.config.write_bytes(subject.config.read_bytes().replace(b"\n", b"\r\n"))
    return HARMLESS


@mutation("LoRA")
def base_of_strange_name(subject: Subject) -> Verdict:
    """The base has a name that writes on the terminal: nothing is wrong with the weights, but it must not get there."""
    names = ["\x1b[2J\x1b[H0 findings", "a\nverdict: passed", "\u202elived", "\x00", "\x9b31m", "\r  all is well"]
    write_config(subject, read_config(subject) | {"base_model_name_or_path": subject.rng.choice(names)})
    return HARMLESS


@mutation("LoRA")
def targets_that_never_end(subject: Subject) -> Verdict:
    """A regular expression, or a pattern of ranks, whose matching takes longer than anybody lives."""
    bomb = r"(a|a|(.*)*)*(.*)*(.*)*x$" if subject.rng.random() < 0.5 else r"((([a-z_.0-9]+)*)*)*!"
    field = subject.rng.choice(["target_modules", "rank_pattern", "alpha_pattern", "exclude_modules"])
    write_config(subject, read_config(subject) | {field: bomb if field.endswith("modules") else {bomb: 4}})
    return CONTRADICTS if field == "target_modules" else HARMLESS
