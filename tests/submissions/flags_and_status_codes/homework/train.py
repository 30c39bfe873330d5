# train.py - fill a buffer, run the trainer, write the adapter.

import json
import os

from peft import LoraConfig, get_peft_model
from transformers import Trainer, TrainingArguments

from .defs import DATADIR, F_TAG, IGNORE, MAXLEN, OK, ST_NAME, ST_RANK, ST_SFT
from .llm import BaseLLM, adapter_dir, llm_open
from .strutil import mkprompt
from .table import Dataset, benchmark


def encode(tok, p, c, row):
    """prompt p, completion c into row. Returns the number of labels."""
    np = len(tok(p)["input_ids"])
    ids = tok(p + c)["input_ids"]
    ids.append(tok.eos_token_id)
    n = min(len(ids), MAXLEN)
    row["input_ids"] = ids[:n] + [tok.pad_token_id] * (MAXLEN - n)
    row["attention_mask"] = [1] * n + [0] * (MAXLEN - n)
    row["labels"] = [IGNORE] * np + ids[np:n] + [IGNORE] * (MAXLEN - n)
    return n - np


def fill(stage, m, buf):
    """rows of the stage into buf. Returns how many were left out."""
    bad = 0
    if stage == ST_SFT:
        flags = m.flags | F_TAG
        src = [(q, "%.10g</answer>" % round(a, 3)) for q, a in Dataset("train")]
    else:
        flags = m.flags
        with open(os.path.join(DATADIR, "rft.json")) as fp:
            src = [(q, " " + r.strip()) for q, a, r in json.load(fp)]
    for q, c in src:
        row = {}
        if encode(m.tokenizer, mkprompt(q, flags), c, row) <= 0:
            bad += 1
            continue
        buf.append(row)
    return bad


def do_train(stage, path=None):
    path = adapter_dir(stage, path)
    m = BaseLLM(stage=stage)
    r = ST_RANK[stage]
    lora = LoraConfig(r=r, lora_alpha=4 * r, target_modules="all-linear", bias="none", task_type="CAUSAL_LM")
    net = get_peft_model(m.model, lora)
    net.enable_input_require_grads()
    buf = []
    bad = fill(stage, m, buf)
    print("%d rows, %d left out" % (len(buf), bad))
    args = TrainingArguments(
        output_dir=path,
        num_train_epochs=5,
        per_device_train_batch_size=32,
        learning_rate=7e-4,
        lr_scheduler_type="cosine",
        logging_steps=10,
        save_strategy="epoch",
        report_to="none",
    )
    t = Trainer(model=net, args=args, train_dataset=buf)
    t.train()
    t.save_model(path)
    return do_test(stage, path)


def do_test(stage, path=None):
    r = benchmark(llm_open(stage, path), Dataset("valid"), 100)
    print("%s: accuracy %.2f answer rate %.2f" % (ST_NAME[stage], r.accuracy, r.answer_rate))
    return OK
