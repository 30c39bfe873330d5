"""When an alarm names the cause: for each fault and each tool, the words that count, as a regular expression.

A tool that says it in words of its own has named it ("no trainable parameters" for a frozen adapter); a list that holds
everything has not. A tool without a line here has no words for that cause, by its source. The same yardstick for all: a
place counts where the place is the cause, and then it must be the right one, from ours too.
"""

from __future__ import annotations

WORDS: dict[str, dict[str, str]] = {
    # the weight that is NaN, and no other; a list of all that are NaN by then does not name it
    "nan-weight": {
        "unsilent": r"\[nan-grad-norm\].*Where: weight \S*v_proj\.lora_B",
        "guardtower": r"forward activations of module\(s\): \['\S*v_proj\.lora_B",
        "guardtower.monitor": r"module '\S*v_proj\.lora_B",
        "underflow_overflow": r"v_proj\.lora_B\.default Linear\s+\S*nan",
    },
    # the parameter, or the operation of the backward pass that made its gradient NaN
    "nan-gradient": {
        "unsilent": r"\[nan-grad-norm\].*gradient of \S*v_proj\.lora_B\S*weight.*micro-batch 2",
        "pytest-torch": r"Non-finite gradients in 1 parameter",
        "detect_anomaly": r"SqrtBackward0",
    },
    # the module whose output leaves the range
    "activation-overflow": {
        "unsilent": r"\[(nan-grad-norm|fp16-overflow)\].*mlp\.up_proj",
        "guardtower.monitor": r"mlp\.up_proj",
        "underflow_overflow": r"mlp\.up_proj",
    },
    "labels-masked": {
        "unsilent": r"\[labels-all-masked\]",
        "trainproof": r"every target label is masked",
        "peft-doctor": r"labels_all_ignored|labels\.all_ignored",
    },
    "frozen-adapter": {
        "unsilent": r"\[frozen-adapter\]",
        "trainproof": r"every parameter is frozen",
        "guardtower": r"LORA-002",
        "peft-doctor": r"no_trainable_params|inference_mode_enabled",
    },
    "lr-zero": {
        "unsilent": r"\[lr-zero\]",
        "trainproof": r"TP-ZERO-LR",
        "pytest-torch": r"a learning rate of 0",
    },
    "optimizer-too-early": {
        "unsilent": r"\[optimizer-misses-adapter\]",
        "guardtower": r"LORA-003|OPT-001",
        "pytest-torch": r"in no optimizer",
        "peft-doctor": r"not_in_optimizer",
    },
    # that steps are taken and no weight moves
    "idle-optimizer": {
        "unsilent": r"\[weights-unchanged\]",
        "pytest-torch": r"stepped but no parameter changed",
        "peft-doctor": r"gradients\.no_update",
    },
    # that checkpoints cut the gradient off; that parameters get none is the symptom
    "checkpointing-detached": {
        "unsilent": r"\[checkpointing-detached\]",
        "trainproof": r"TP-ZERO-GRAD.*use_reentrant",
    },
    # that NaN was replaced, or where it came from
    "loss-replaced": {
        "unsilent": r"\[nan-masked\]",
        "guardtower.monitor": r"mlp\.up_proj",
        "underflow_overflow": r"mlp\.up_proj",
    },
    "gradients-zeroed": {"unsilent": r"\[nan-masked\]", "detect_anomaly": r"SqrtBackward0"},
    # fp16 without a scaler, or the module that overflows
    "fp16-overflow": {
        "unsilent": r"\[fp16-(overflow|unguarded)\]",
        "trainproof": r"fp16 weights trained without a loss scaler",
        "guardtower": r"forward activations of module\(s\): \['\S*mlp\.up_proj",
        "guardtower.monitor": r"mlp\.up_proj",
        "underflow_overflow": r"mlp\.up_proj",
    },
    # gradients that grow, or the rate that makes them; peft-doctor says so of every rate above 1e-3
    "gradient-explosion": {
        "unsilent": r"\[gradient-explosion\]",
        "trainproof": r"TP-GRAD-SPIKE",
        "pytest-torch": r"Exploding gradients",
        "peft-doctor": r"lr_extreme|grad_norm\.spike",
    },
    # a loss that rises for good, or the rate that makes it
    "loss-diverging": {
        "unsilent": r"\[loss-diverging\]",
        "trainproof": r"TP-DIVERGE",
        "peft-doctor": r"lr_extreme",
    },
    "labels-preshifted": {"unsilent": r"\[labels-preshifted\]", "trainproof": r"labels are pre-shifted"},
    "base-not-frozen": {
        "unsilent": r"\[base-not-frozen\]",
        "guardtower": r"LORA-001",
        "pytest-torch": r"frozen parameters.*received a gradient",
        "peft-doctor": r"too_many_trainable",
    },
    "target-mistyped": {"unsilent": r"\[adapter-coverage\].*v_porj", "peft-doctor": r"targets\.missing.*v_porj"},
    "eos-never-learnt": {
        "unsilent": r"\[eos-never-learnt\]",
        "trainproof": r"PAD-EQUALS-EOS",
        "peft-doctor": r"pad_equals_eos",
    },
}
