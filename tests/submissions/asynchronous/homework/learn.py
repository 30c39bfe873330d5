import asyncio
from pathlib import Path

from peft import LoraConfig, get_peft_model
from transformers import Trainer, TrainerCallback, TrainingArguments

from .client import HERE, RFTModel, SFTModel, aload, run
from .dataset import Dataset, benchmark, read_json
from .text import CLOSE, Padding, encode

WIDTH = 160


class Heartbeat(TrainerCallback):
    """Puts every log line on a queue that a coroutine prints."""

    def __init__(self, queue, loop):
        self.queue, self.loop = queue, loop

    def on_log(self, args, state, control, logs=None, **kwargs):
        asyncio.run_coroutine_threadsafe(self.queue.put((state.global_step, dict(logs or {}))), self.loop)

    def on_train_end(self, args, state, control, **kwargs):
        asyncio.run_coroutine_threadsafe(self.queue.put(None), self.loop)


async def printer(queue):
    while (item := await queue.get()) is not None:
        step, logs = item
        print(step, {k: logs[k] for k in ("loss", "grad_norm") if k in logs})


def tokenize(tokenizer, question, answer):
    """`question` is a finished prompt, `answer` what the model has to write."""
    full = encode(tokenizer, question + answer + tokenizer.eos_token, Padding(side="right", width=WIDTH))
    ids, mask = full["input_ids"][0].tolist(), full["attention_mask"][0].tolist()
    head = len(tokenizer(question)["input_ids"])
    labels = [token if i >= head and m else -100 for i, (token, m) in enumerate(zip(ids, mask))]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


async def sft_rows(llm):
    async for question, answer in Dataset("train"):
        yield tokenize(llm.tokenizer, llm.format_prompt(question), f"{round(answer, 3):.10g}{CLOSE}")


async def rft_rows(llm):
    for question, _, reasoning in await read_json("rft.json"):
        yield tokenize(llm.tokenizer, llm.format_prompt(question), " " + reasoning.strip())


STAGES = {
    "sft": (SFTModel, sft_rows, 8),
    "rft": (RFTModel, rft_rows, 16),
}


async def atrain(stage, output_dir=None):
    kind, rows, rank = STAGES[stage]
    out = Path(output_dir) if output_dir else HERE / f"{stage}_output"
    llm = await asyncio.to_thread(kind)
    data = [row async for row in rows(llm)]
    config = LoraConfig(r=rank, lora_alpha=4 * rank, target_modules="all-linear", bias="none", task_type="CAUSAL_LM")
    model = get_peft_model(llm.model, config)
    queue: asyncio.Queue = asyncio.Queue()
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(out),
            num_train_epochs=5,
            per_device_train_batch_size=32,
            learning_rate=7e-4,
            lr_scheduler_type="cosine",
            logging_steps=10,
            logging_nan_inf_filter=False,
            save_strategy="no",
            report_to="none",
        ),
        train_dataset=data,
        callbacks=[Heartbeat(queue, asyncio.get_running_loop())],
    )
    await asyncio.gather(asyncio.to_thread(trainer.train), printer(queue))
    trainer.save_model(str(out))
    await atest(stage, out)


async def atest(stage, folder=None):
    kind, *_ = STAGES[stage]
    llm = await aload(kind, Path(folder) if folder else HERE / f"{stage}_output")
    result = await asyncio.to_thread(benchmark, llm, Dataset("valid"), 100)
    print(f"{stage} accuracy {result.accuracy:.2f} answer rate {result.answer_rate:.2f}")


def cli(stage, argv):
    match argv:
        case ["train", *rest]:
            run(atrain(stage, *rest))
        case ["test", *rest]:
            run(atest(stage, *rest))
        case _:
            raise SystemExit(f"python -m homework.{stage} train|test [folder]")
