"""When an alarm names the cause: for each fault and each tool, the words that count, as a regular expression.

A tool that says it in words of its own has named it ("no trainable parameters" for a frozen adapter); a list that holds
everything has not. A tool without a line here has no words for that cause, by its source. The same yardstick for all: a
place counts where the place is the cause, and then it must be the right one, from ours too. Of ours, where nothing else
stands here, a finding under one of the case's rows of the catalogue counts, and of every other tool the words of all
those rows.
"""

from __future__ import annotations

NAN_WEIGHT = {
    "unsilent": r"\[nan-grad-norm\].*Where: weight \S*v_proj\.lora_B",
    "guardtower": r"forward activations of module\(s\): \['\S*v_proj\.lora_B",
    "guardtower.monitor": r"module '\S*v_proj\.lora_B",
    "underflow_overflow": r"v_proj\.lora_B\.default Linear\s+\S*nan",
    "pytest-torch": r"values \(1 problem\(s\)\):\s+\S*v_proj\.lora_B\S*: parameter is not finite",
}
OTHER_PLACES = r"(lora_A|layers\.1|[qko]_proj|mlp)"  # those of the runs where a value at v_proj.lora_B is NaN
# the modules that overflow first; a later one is a symptom
FP16_MODULE = r"mlp\.up_proj|lm_head"
FP16 = {
    "unsilent": r"\[fp16-(overflow|unguarded)\]",
    "trainproof": r"fp16 weights trained without a loss scaler",
    "guardtower": rf"forward activations of module\(s\): \['\S*({FP16_MODULE})",
    "guardtower.monitor": FP16_MODULE,
    "underflow_overflow": FP16_MODULE,
    "pytest-torch": r"overflows in low precision",
}

WORDS: dict[str, dict[str, str]] = {
    # live trainings
    # the weight that is NaN, and no other; a list of all that are NaN by then does not name it
    "nan-weight": NAN_WEIGHT,
    # the parameter, or the operation of the backward pass that made its gradient NaN
    "nan-gradient": {
        "unsilent": r"\[nan-grad-norm\].*gradient of \S*v_proj\.lora_B\S*weight.*micro-batch 2",
        "pytest-torch": r"Non-finite gradients in 1 parameter",
        "detect_anomaly": r"SqrtBackward0",
    },
    # the parameter: a hook on it leaves no operation that could be named
    "nan-gradient-hook": {
        "unsilent": r"\[nan-grad-norm\].*gradient of \S*v_proj\.lora_B",
        "pytest-torch": r"Non-finite gradients in 1 parameter",
    },
    # the module whose output leaves the range
    "activation-overflow": {
        "unsilent": r"\[(nan-grad-norm|fp16-overflow)\].*mlp\.up_proj",
        "guardtower.monitor": r"mlp\.up_proj",
        "underflow_overflow": r"mlp\.up_proj",
    },
    "labels-all-masked": {
        "trainproof": r"every target label is masked",
        "peft-doctor": r"labels_all_ignored|labels\.all_ignored",
        "finetune-doctor": r"every label is masked",
        "plain": r"labels? .*(-100|masked|ignored)",
    },
    # that some rows have none
    "rows-masked": {
        "peft-doctor": r"labels_all_ignored|labels\.all_ignored",
        "finetune-doctor": r"labels are not all -100",
    },
    # that answers are cut off; advice that names it as one of two things to look for counts, from ours too
    "answers-truncated": {
        "unsilent": r"\[answers-truncated\]|\[labels-all-masked\].*lose its answer to a maximum length",
        "trainproof": r"truncat|TP-PRE-CONTEXT-OVERFLOW",
        "peft-doctor": r"truncat|rows exceed \d+ tokens",
        "finetune-doctor": r"truncat",
        "plain": r"truncat|max_length",
    },
    "frozen-adapter": {
        "trainproof": r"every parameter is frozen",
        "guardtower": r"LORA-002",
        "peft-doctor": r"no_trainable_params|inference_mode_enabled",
        "finetune-doctor": r"no trainable parameter received a gradient",
        "plain": r"does not require grad|optimizer got an empty parameter list",
    },
    "lr-zero": {
        "trainproof": r"TP-ZERO-LR",
        "pytest-torch": r"a learning rate of 0",
        "finetune-doctor": r"learning.rate of ~?0|learning rate (is|was) (~?0|zero)",
    },
    "optimizer-misses-adapter": {
        "guardtower": r"LORA-003|OPT-001|NOT in the optimizer",
        "pytest-torch": r"in no optimizer",
        "peft-doctor": r"not_in_optimizer",
    },
    # that steps are taken and no weight moves
    "weights-unchanged": {
        "pytest-torch": r"stepped but no parameter changed|no parameter changed",
        "peft-doctor": r"gradients\.no_update",
    },
    # that checkpoints cut the gradient off; that parameters get none is the symptom
    "checkpointing-detached": {
        "trainproof": r"TP-ZERO-GRAD.*use_reentrant",
        "plain": r"None of the inputs have requires_grad",
    },
    # that NaN was replaced, or where it came from
    "loss-replaced": {
        "unsilent": r"\[nan-masked\]",
        "guardtower": r"forward activations of module\(s\): \['\S*v_proj\.lora_B",
        "guardtower.monitor": r"mlp\.up_proj|v_proj\.lora_B",
        "underflow_overflow": r"mlp\.up_proj|v_proj\.lora_B\.default Linear\s+\S*nan",
        "pytest-torch": NAN_WEIGHT["pytest-torch"],
    },
    "gradients-zeroed": {
        "unsilent": r"\[nan-masked\]",
        "guardtower": r"forward activations of module\(s\): \['\S*v_proj\.lora_B",
        "guardtower.monitor": r"v_proj\.lora_B",
        "underflow_overflow": r"v_proj\.lora_B\.default Linear\s+\S*nan",
        "detect_anomaly": r"SqrtBackward0",
        "pytest-torch": NAN_WEIGHT["pytest-torch"],
        # the one parameter whose gradient is zero in that step
        "peft-doctor": rf"\A(?!.*{OTHER_PLACES}).*gradients\.(zero|nonfinite).*layers\.0\.self_attn\.v_proj\.lora_B",
    },
    # fp16 without a scaler, or the module that is made to overflow
    "fp16-overflow": FP16,
    "fp16-unguarded": {
        "unsilent": FP16["unsilent"],
        "trainproof": FP16["trainproof"],
        "pytest-torch": FP16["pytest-torch"],
        "guardtower": r"fp16|float16|half",
        "peft-doctor": r"fp16|float16",
    },
    # that fp16 does nothing there
    "fp16-on-cpu": {"plain": r"fp16|half", "peft-doctor": r"fp16"},
    "fp16-evaluation": {"plain": r"fp16", "peft-doctor": r"fp16"},
    # gradients that grow, or the rate that makes them; peft-doctor says so of every rate above 1e-3
    "gradient-explosion": {
        "trainproof": r"TP-GRAD-SPIKE|TP-DIVERGE",
        "pytest-torch": r"Exploding gradients",
        "peft-doctor": r"lr_extreme|grad_norm\.spike",
        "finetune-doctor": r"gradient norm.*(spike|explo)|learning rate (is|was) too high",
    },
    # a loss that rises for good, or the rate that makes it
    "loss-diverging": {
        "trainproof": r"TP-DIVERGE",
        "peft-doctor": r"lr_extreme",
        "finetune-doctor": r"Training loss (went up|rose)|diverg",
    },
    "labels-preshifted": {"trainproof": r"labels are pre-shifted|shift"},
    # that the model's own loss is of the token after the next
    "model-shifts-twice": {"trainproof": r"shift"},
    "base-not-frozen": {
        "guardtower": r"LORA-001",
        "pytest-torch": r"frozen parameters.*received a gradient",
        "peft-doctor": r"too_many_trainable",
    },
    # the name that matches nothing, or the modules that lack an adapter
    "adapter-coverage": {
        "unsilent": r"\[(adapter-coverage|adapter-keys-ignored|reload-mismatch)\]",
        "peft-doctor": r"targets\.missing",
        "plain": r"missing adapter keys|target.*not found",
        "dlm-sway": r"missing adapter keys",
        "deltalint": r"MISSING|not applied",
    },
    "adapters-dropped": {"unsilent": r"\[adapter-coverage\]"},
    "eos-never-learnt": {
        "trainproof": r"PAD-EQUALS-EOS|NO-EOS",
        "peft-doctor": r"pad_equals_eos|eos",
    },
    "double-bos": {"trainproof": r"BOS", "peft-doctor": r"bos"},
    # what goes on as another run: the option or the file, by its name; a list of what it may have been is a symptom,
    # from ours too
    "resumed-seed": {"unsilent": r"[ ;]seed \(", "peft-doctor": r"resume\.mismatch\.seed"},
    "resumed-data_seed": {"unsilent": r"data_seed \("},
    "resumed-rows_per_step": {
        "unsilent": r"rows_per_step \(",
        "peft-doctor": r"resume\.mismatch\.(gradient_accumulation_steps|per_device_train_batch_size)",
    },
    "resumed-schedule": {"unsilent": r"[ ;]schedule \("},
    "resumed-max_steps": {"unsilent": r"max_steps \("},
    "resumed-learning_rate": {"unsilent": r"[ ;]learning_rate \(", "peft-doctor": r"resume\.mismatch\.learning_rate"},
    "resumed-precision": {"unsilent": r"precision \(", "peft-doctor": r"resume\.mismatch\.bf16"},
    "resumed-ignore_data_skip": {"unsilent": r"ignore_data_skip \("},
    "resumed-alpha": {"unsilent": r"lora_alpha \(", "peft-doctor": r"resume\.mismatch\.lora_alpha"},
    "resumed-without-optimizer": {
        "unsilent": r"optimizer\.pt \(",
        "peft-doctor": r"checkpoint\.optimizer_state",
        "plain": r"optimizer",
    },
    "resumed-without-scheduler": {
        "unsilent": r"scheduler\.pt \(",
        "peft-doctor": r"checkpoint\.scheduler_state",
        "plain": r"scheduler",
    },
    "resumed-without-rng_state": {
        "unsilent": r"rng_state\.pth \(",
        "peft-doctor": r"checkpoint\.rng_state",
        "plain": r"RNG file",
    },
    "resumed-rows": {"unsilent": r"rows_hash \("},
    "resumed-base": {"unsilent": r"[ ;]base \(", "peft-doctor": r"resume\.mismatch\.(base_)?model_name_or_path"},
    "resumed-mixed-weights": {"unsilent": r"trained weights \("},
    "resumed-mixed-optimizer": {"unsilent": r"steps of the optimizer \("},
    # that the checkpoint's number of steps is not that of what lies in it
    "resumed-at-step-0": {"unsilent": r"steps of the (optimizer|schedule) \(0 before"},
    # that nothing but the adapter is taken from the checkpoint
    "begun-anew": {"unsilent": r"global_step \("},
    # that gradients of two processes are not averaged
    "ranks-not-averaged": {
        "unsilent": r"gradients?\b.*\b(averaged|synchroni[sz]ed)",
        "guardtower": r"will not be synchronized across ranks",
    },
    # what is not the same on both
    "ranks-learning-rate": {"unsilent": r"the learning rate to be the same", "guardtower": r"learning.rate"},
    "ranks-uneven": {
        "unsilent": r"the number of micro-batches to be the same",
        "guardtower": r"number of (micro-)?batches|uneven",
    },
    # logs: what a log can show is all that there is to name
    "log-nan": {
        "trainproof": r"TP-NAN-GRAD",
        "peft-doctor": r"grad_norm\.invalid",
        "finetune-doctor": r"NaN gradients",
    },
    "log-zero": {
        "trainproof": r"TP-ZERO-LOSS:.*every target label is masked",
        "peft-doctor": r"loss\.zero",
        "finetune-doctor": r"every label is masked",
    },
    # that NaN was replaced by a number
    "log-constant": {"unsilent": r"\[nan-masked\]"},
    "log-explosion": {
        "trainproof": r"TP-GRAD-SPIKE|TP-DIVERGE",
        "peft-doctor": r"grad_norm\.spike",
        "finetune-doctor": r"spike|explo|diverg",
    },
    "log-divergence": {
        "trainproof": r"TP-DIVERGE",
        "finetune-doctor": r"Training loss (went up|rose)|diverg",
    },
    # that the schedule begins again
    "log-resumed": {
        "unsilent": r"\[resume-mismatch\]",
        "trainproof": r"schedul|warm-?up",
        "peft-doctor": r"schedul|warm-?up",
        "finetune-doctor": r"schedul.*(again|anew|restart|reset)|warm-?up.*(again|twice)|resum",
    },
    "log-flat": {"trainproof": r"TP-DEAD-RUN|TP-FLAT", "finetune-doctor": r"not_learning"},
    "log-frozen": {
        "trainproof": r"TP-DEAD-RUN|every parameter is frozen",
        "finetune-doctor": r"no trainable parameter received a gradient|not_learning",
    },
    # adapters on disk
    "adapter-corrupt": {
        "picklescan": r"not a zip|BadZip",
        "trainproof": r"TP-ENV-CKPT-(TRUNCATED|CORRUPT|UNREADABLE|EMPTY)",
        "peft-doctor": r"safetensors_invalid|adapter_tensors\.invalid|weights_empty",
        "dlm-sway": r"SafetensorError|deserializing header|PytorchStreamReader|not a ZIP|corrupt",
        "plain": r"SafetensorError|deserializing header|PytorchStreamReader|not a ZIP|corrupt",
    },
    "adapter-keys-ignored": {
        "dlm-sway": r"missing adapter keys",
        "plain": r"missing adapter keys",
        "deltalint": r"key-prefix mismatch|not applied|no weight for this layer found in the base",
    },
    # that it was never trained, or that it does nothing
    "adapter-untrained": {
        "dlm-sway": r"delta_kl|indistinguishable",
        "deltalint": r"expected update is zero|likely an untrained adapter|all zeros",
    },
    "adapter-nonfinite": {
        "deltalint": r"nan|non-?finite|inf\b",
        "dlm-sway": r"nan|non-?finite",
    },
    "adapter-empty": {
        "peft-doctor": r"0 tensor|no tensors|empty",
        "dlm-sway": r"torch\.Size\(\[0\]\)|missing adapter keys",
        "plain": r"torch\.Size\(\[0\]\)|missing adapter keys",
    },
    "adapter-shape-mismatch": {"dlm-sway": r"size mismatch", "plain": r"size mismatch"},
    # that two formats lie there and differ
    "adapter-stale-format": {"peft-doctor": r"both|two formats|multiple"},
    "adapter-format": {
        "peft-doctor": r"weights_missing",
        "dlm-sway": r"Can't find weights|Can't find|No such file",
        "plain": r"Can't find weights|Can't find|No such file",
    },
    "adapter-missing": {
        "peft-doctor": r"weights_missing|config_missing|adapter_missing",
        "dlm-sway": r"Can't find|No such file|not found",
        "plain": r"Can't find|No such file|not found",
    },
    # that it is not the file that training wrote
    "adapter-overwritten": {"peft-doctor": r"checksum"},
    "adapter-unsafe-pickle": {
        "picklescan": r"dangerous import",
        "plain": r"Weights only load failed|UnpicklingError|weights_only",
        "dlm-sway": r"Weights only load failed|UnpicklingError|weights_only",
    },
    "dtype-mismatch": {},
    "adapter-base-mismatch": {
        "plain": r"Target modules .* not found|not found in the base model|size mismatch",
        "dlm-sway": r"Target modules .* not found|not found in the base model|size mismatch",
        "peft-doctor": r"base_mismatch|base.*differ",
    },
    "nested-output-dir": {},
    # models that answer
    "padding-side": {
        "pytest-torch": r"Generat|Padding invariance|Batch invariance",
        "plain": r"right-padding",
    },
    "no-numeric-answers": {"pytest-torch": r"nan"},
    "reload-mismatch": {"pytest-torch": r"outside its accuracy budget"},
    # data files
    "train-valid-overlap": {"peft-doctor": r"leakage\.(exact|near)"},
    "dirty-rows": {"peft-doctor": r"bad_text_artifacts|special|template"},
    "zero-rows": {"peft-doctor": r"dataset\.empty", "trainproof": r"EMPTY"},
    # functions, plans, bundles, packages
    "deprecated-dtype-argument": {"plain": r"torch_dtype. is deprecated"},
    "nan-score": {"plain": r"NaN"},
    "micro-batch-too-large": {"peft-doctor": r"estimate\.total_vram"},
    # that the effective batch is another one; it speaks of memory
    "effective-batch": {},
    "needs-more-than-grader": {},
    "answers-too-slow": {"plain": r"still running"},
}
