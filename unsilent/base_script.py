"""Run by ``base_shapes`` in a process of its own: put an adapter's configuration on a base without any weights.

One JSON object comes in on stdin (the base's ``config.json``, the adapter's ``adapter_config.json``, the shapes on
disk, limits), one goes out on stdout. transformers builds the base and PEFT the adapter, both on the meta device, and
PEFT's own loading decides which keys fit where. Both configurations may be hostile. Fields that name files or modules
are left out, and once the libraries are imported this process opens nothing but their files, writes nothing, starts
nothing and connects to nothing; who started it limits its time.

It imports nothing of this package: ``python -I unsilent/base_script.py < question.json``
"""
# ruff: noqa: PLC0415 - torch, transformers and PEFT are imported once the limits stand

from __future__ import annotations

import contextlib
import json
import os
import sys
import sysconfig
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ADAPTER = "default"
PREFIX = "base_model.model."  # what PEFT writes before the base's own names
# What names a file, a repository, a module to import, or code: none of it changes a shape.
UNSAFE_IN_ADAPTER = {
    "base_model_name_or_path", "revision", "auto_mapping", "runtime_config", "megatron_config", "megatron_core",
    "tokenizer_name_or_path", "tokenizer_kwargs", "prompt_tuning_init_state_dict_path", "loftq_config",
    "corda_config", "eva_config", "lora_ga_config", "arrow_config",
}  # fmt: skip
# Ways to begin that decompose or measure the base's weights, whose shapes are those of any other beginning.
COMPUTED = ("pissa", "olora", "eva", "corda", "loftq", "lora_ga", "orthogonal")
# Quantisation changes how a weight is stored, not what it is multiplied with; kernels are code from the hub.
UNSAFE_IN_BASE = {"auto_map", "quantization_config", "attn_implementation", "_attn_implementation", "use_kernels"}
# Training adds these heads itself, so the base's own class says nothing about them.
HEADS = {
    "SEQ_CLS": "AutoModelForSequenceClassification",
    "TOKEN_CLS": "AutoModelForTokenClassification",
    "QUESTION_ANS": "AutoModelForQuestionAnswering",
    "FEATURE_EXTRACTION": "AutoModel",
}
GENERATORS = {"CAUSAL_LM": "AutoModelForCausalLM", "SEQ_2_SEQ_LM": "AutoModelForSeq2SeqLM"}
LARGEST_VOCABULARY = 2**31 - 1  # rows; token ids beyond that exist nowhere
# Events of Python's audit; opening files is judged by their names.
FORBIDDEN = (
    "socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.system", "ctypes.dlopen",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.chown", "os.link", "os.symlink",
)  # fmt: skip


class Refused(Exception):
    """Why there is nothing to compare with, in words."""


def main() -> None:  # pragma: no cover - runs in a child
    """Answer the question on stdin; whatever libraries print goes nowhere."""
    answer = os.fdopen(os.dup(1), "w")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    warnings.simplefilter("ignore")
    question = json.load(sys.stdin)
    limit(question["limits"])
    try:
        import peft  # noqa: F401 - before nothing but the libraries' files can be opened
        import torch
        import transformers

        torch.set_num_threads(1)
        transformers.logging.set_verbosity(transformers.logging.CRITICAL)
        forbid()
        found = compare(question["base"], question["adapter"], question["shapes"])
    except ImportError as error:
        found = {"complaint": f"torch, transformers and peft are needed in this Python ({in_words(error)})"}
    except MemoryError:
        found = {"complaint": f"it took more than {question['limits']['bytes'] / 1e6:.0f} MB of memory"}
    except BaseException as error:  # noqa: BLE001 - an end that nobody expects
        found = {"complaint": in_words(error)}
    with answer:
        json.dump(found, answer)


def limit(limits: Mapping[str, int]) -> None:  # pragma: no cover - runs in a child
    """Bound the memory this process may fill, and its processor time should nobody be left to end it."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # not everywhere, and never above a limit that stands
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (limits["seconds"], limits["seconds"]))
        resource.setrlimit(resource.RLIMIT_DATA, (limits["bytes"], limits["bytes"]))


def forbid() -> None:  # pragma: no cover - runs in a child
    """From here on, read the libraries' own files and no other, write none, start and connect to nothing."""
    sys.dont_write_bytecode = True
    own = {*sysconfig.get_paths().values(), *sys.path, sys.prefix, sys.base_prefix}
    allowed = tuple(os.path.realpath(path) + os.sep for path in own if path)

    def judge(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(FORBIDDEN):
            raise PermissionError(f"the configuration asks for {event}")
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int):
                return
            if flags & (os.O_WRONLY | os.O_RDWR) or not os.path.realpath(os.fsdecode(path)).startswith(allowed):
                raise PermissionError(f"the configuration asks for the file {os.fsdecode(path)}")

    sys.addaudithook(judge)


def in_words(error: BaseException) -> str:
    """Give an exception on one line, its control characters gone and not too long."""
    said = "".join(one if one.isprintable() else " " for one in str(error))
    return f"{type(error).__name__}: {' '.join(said.split())[:400]}"


def compare(base: Mapping[str, Any], adapter: Mapping[str, Any], shapes: Mapping[str, list[int]]) -> dict[str, Any]:
    """Build base and adapter, load shapes, and say what was found, or whose refusal it ended with."""
    import peft
    import torch
    import transformers

    step, refused = f"PEFT {peft.__version__} refuses the configuration", "configuration"
    try:
        settings = read_settings(adapter)
        step, refused = f"transformers {transformers.__version__} cannot build the base", ""
        config = read_config(base)
        names = [_trained_on(adapter), *_listed(base.get("architectures"))]
        with torch.device("meta"):
            model = build(config, names, settings.task_type)
            assumed = assume(config, model, shapes)
            if assumed:
                model = build(config, names, settings.task_type)
            found: dict[str, Any] = {
                "architecture": type(model).__name__,
                "parameters": sum(one.numel() for one in model.parameters()),
                "layers": getattr(config.get_text_config(), "num_hidden_layers", 0),
                "assumed": assumed,
            }
            step, refused = f"PEFT {peft.__version__} refuses the configuration on this base", "base"
            kind = peft.MODEL_TYPE_TO_PEFT_MODEL_MAPPING.get(settings.task_type, peft.PeftModel)
            adapted = kind(model, settings, ADAPTER, low_cpu_mem_usage=True)
            tuner = adapted.base_model
            found["adapted_parameters"] = sum(one.numel() for one in adapted.parameters())
            targeted = [*getattr(tuner, "targeted_module_names", []), *getattr(tuner, "targeted_parameter_names", [])]
            step = f"PEFT {peft.__version__} refuses the keys and shapes on this base"
            return found | {"modules": sorted(set(targeted))} | load(adapted, settings.peft_type, shapes)
    except MemoryError:
        raise
    except Refused as refusal:
        return {"complaint": str(refusal)}
    except Exception as error:  # noqa: BLE001 - whatever two configurations bring about
        if "meta tensor" in str(error) or isinstance(error, NotImplementedError):
            step, refused = f"PEFT {peft.__version__} cannot build {adapter.get('peft_type')} without weights", ""
        if isinstance(error, KeyError):
            refused = ""  # a method that this PEFT does not know yet
        return {"complaint": f"{step} ({in_words(error)})", "refused": refused}


def _trained_on(adapter: Mapping[str, Any]) -> object:
    """The class of the base that PEFT writes down where no task was named."""
    mapping = adapter.get("auto_mapping")
    return mapping.get("base_model_class") if isinstance(mapping, dict) else None


def _listed(names: object) -> list[object]:
    return names if isinstance(names, list) else []


def read_settings(content: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a PeftConfig
    """Make the adapter's configuration as PEFT does, for loading: nothing is computed or fetched to begin with."""
    import peft
    import torch

    known = {name: value for name, value in content.items() if name not in UNSAFE_IN_ADAPTER}
    if str(known.get("init_lora_weights")).startswith(COMPUTED):
        known["init_lora_weights"] = True
    if "prompt_tuning_init" in known:
        known["prompt_tuning_init"] = "RANDOM"  # others read a tokenizer or a file
    settings = peft.PeftConfig.from_peft_type(**known)
    settings.inference_mode = True
    if settings.peft_type == "ADALORA" and settings.rank_pattern:
        # a list of booleans, the ranks that were kept, picks values; as many indices of the same sum pick shapes
        kept = {name: sum(map(bool, one)) for name, one in settings.rank_pattern.items()}
        settings.rank_pattern = {name: torch.ones(one, dtype=torch.long, device="cpu") for name, one in kept.items()}
    return settings


def read_config(content: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a PretrainedConfig
    """Make the base's configuration from what its file holds; nothing else of the base is looked at."""
    import transformers

    kind = content.get("model_type")
    if not isinstance(kind, str) or kind not in transformers.CONFIG_MAPPING:
        if "auto_map" in content:
            raise Refused(f"the base's architecture {kind!r} is code of its own (auto_map), which is never run")
        raise Refused(f"transformers {transformers.__version__} does not know the base's architecture {kind!r}")
    known = {name: value for name, value in content.items() if name not in UNSAFE_IN_BASE}
    return transformers.CONFIG_MAPPING[kind].from_dict(known)


def build(config: Any, names: Iterable[object], task: str | None) -> Any:  # noqa: ANN401 - a model
    """Build the class a user would load: of the task where training adds a head, else the one that is named."""
    import transformers

    makers: list[Any] = []
    for name in names:
        kind: Any = getattr(transformers, name, None) if isinstance(name, str) else None
        is_model = isinstance(kind, type) and issubclass(kind, transformers.PreTrainedModel)
        if is_model and kind.config_class is type(config):
            makers.append(kind)
    if task in HEADS:
        makers.insert(0, getattr(transformers, HEADS[task]).from_config)
    makers += [
        getattr(transformers, GENERATORS.get(str(task), "AutoModel")).from_config,
        transformers.AutoModel.from_config,
    ]
    refusals = []
    for make in makers:
        try:
            model = make(config)
        except ValueError as error:  # an auto class that has none for this configuration
            refusals.append(error)
            continue
        model.tie_weights()
        return model
    raise refusals[0]


def assume(config: Any, model: Any, shapes: Mapping[str, list[int]]) -> dict[str, Any]:  # noqa: ANN401 - a model
    """Set what a user states when loading and no configuration says: labels, and rows of a resized vocabulary.

    Returns:
        What was changed: by name, the number the file was made with and the base's own.
    """
    changed: dict[str, Any] = {}
    text = config.get_text_config()
    rows, own = _rows(model, shapes), getattr(text, "vocab_size", None)
    if own and 0 < rows <= LARGEST_VOCABULARY and rows != own:
        changed["vocab_size"] = [rows, own]
        text.vocab_size = rows
    own = getattr(config, "num_labels", None)
    for name, parameter in model.named_parameters():
        shape = shapes.get(PREFIX + name, [])
        is_head = not name.startswith(f"{model.base_model_prefix}.") and parameter.shape[:1] == (own,)
        if is_head and shape and shape[1:] == list(parameter.shape[1:]) and shape[0] not in (0, own):
            changed["num_labels"] = [shape[0], own]
            config.num_labels = shape[0]
            break
    return changed


def _rows(model: Any, shapes: Mapping[str, list[int]]) -> int:  # noqa: ANN401 - a model
    """Count the rows of the input embedding that the file was made with; 0 where it holds none."""
    with contextlib.suppress(NotImplementedError):  # what reads images may have none
        embedding = model.get_input_embeddings()
        place = PREFIX + next((name for name, module in model.named_modules() if module is embedding), "")
        width = getattr(embedding, "embedding_dim", None)
        for end in (".weight", ".base_layer.weight"):
            match shapes.get(place + end):
                case [rows, other] if other == width:
                    return rows
        match shapes.get(f"{place}.lora_embedding_A"):
            case [_, rows]:
                return rows
    return 0


def load(model: Any, kind: str, shapes: Mapping[str, list[int]]) -> dict[str, Any]:  # noqa: ANN401 - a model
    """Let PEFT load tensors of these shapes, and say which keys it lacks, drops or cannot use, as they are on disk.

    Some methods raise over a tensor that they look up by name (a module of ``modules_to_save``, a prompt): then what is
    lacking or of another shape is noted and put in, so that all the rest is seen too.
    """
    import peft

    own = model.state_dict()
    saved = peft.get_peft_model_state_dict(model, state_dict=own, save_embedding_layers=False)
    names = {id(tensor): key for key, tensor in saved.items()}
    expected = {key: list(tensor.shape) for key, tensor in saved.items()}
    in_model = {key: names.get(id(tensor), _without_adapter(key)) for key, tensor in own.items()}
    try:
        return attempt(model, shapes, in_model, expected)
    except Exception:  # noqa: BLE001 - KeyError, ValueError or RuntimeError, by method
        # transformers 5 renames and fuses the keys of LoRA alone: any other key must be there under its own name
        named = {key: shape for key, shape in expected.items() if kind != "LORA" or ".lora_" not in key}
        found = attempt(model, {**shapes, **named}, in_model, expected)
        found["missing"] = sorted({*found["missing"], *(named.keys() - shapes.keys())})
        others = {key: [shapes[key], named[key]] for key in named.keys() & shapes.keys()}
        found["mismatched"] |= {key: both for key, both in others.items() if both[0] != both[1]}
        return found


def attempt(
    model: Any,  # noqa: ANN401 - a PeftModel
    shapes: Mapping[str, list[int]],
    in_model: Mapping[str, str],
    expected: Mapping[str, list[int]],
) -> dict[str, Any]:
    """Load once. A key is followed to where PEFT puts it by the identity of its tensor.

    Args:
        model: With the adapter on it.
        shapes: By key, as on disk.
        in_model: By key of the model's state, the key it would be saved under.
        expected: By key as on disk, the shape that saving would write: all that belongs to the adapter.
    """
    import peft
    import torch

    tensors = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    on_disk = {id(tensor): key for key, tensor in tensors.items()}
    placed: dict[str, str] = {}
    mismatched: dict[str, list[list[int]]] = {}

    def note(state: dict[str, Any], **options: Any) -> Any:  # noqa: ANN401 - as torch's
        place = {key: list(tensor.shape) for key, tensor in model.state_dict().items()}
        fitting = {}
        for key, tensor in state.items():
            placed[key] = on_disk.get(id(tensor), _without_adapter(key))
            if list(tensor.shape) == place.get(key, list(tensor.shape)):
                fitting[key] = tensor
            else:
                mismatched[placed[key]] = [list(tensor.shape), place[key]]
        return type(model).load_state_dict(model, fitting, **options)

    model.load_state_dict = note
    result = peft.set_peft_model_state_dict(model, tensors, ADAPTER, low_cpu_mem_usage=True)
    missing = {in_model[key] for key in result.missing_keys if key not in placed and key in in_model}
    unexpected = {placed[key] for key in result.unexpected_keys}
    return {
        "missing": sorted((missing & expected.keys()) - shapes.keys()),
        "unexpected": sorted(unexpected - expected.keys()),
        "mismatched": mismatched,
    }


def _without_adapter(key: str) -> str:
    """Give the name on disk of a tensor that was made anew on its way: without the adapter's."""
    return key.removesuffix(f".{ADAPTER}").replace(f".{ADAPTER}.", ".")


if __name__ == "__main__":
    main()
