import asyncio
import json
from pathlib import Path

from .cot import CoTModel
from .data import Dataset, is_answer_valid

BIG = "HuggingFaceTB/SmolLM2-1.7B-Instruct"


async def sample(llm, queue: asyncio.Queue, rows, oversample, temperature, block=16):
    for start in range(0, len(rows), block):
        part = rows[start : start + block]
        texts = await llm.agenerate([llm.format_prompt(q) for q, _ in part], oversample, temperature)
        await queue.put(list(zip(part, texts)))
    await queue.put(None)


async def select(llm, queue: asyncio.Queue, kept: list):
    while (block := await queue.get()) is not None:
        for (question, correct), texts in block:
            for text in map(str.strip, texts):
                tags = text.count("<answer>"), text.count("</answer>")
                if tags == (1, 1) and is_answer_valid(llm.parse_answer(text), correct):
                    kept.append([question, correct, text[: text.index("</answer>") + len("</answer>")]])
                    break


async def run(oversample, temperature):
    llm, kept, queue = CoTModel(BIG), [], asyncio.Queue(maxsize=4)
    data = Dataset("train")
    rows = [data[i] for i in range(len(data))]
    await asyncio.gather(sample(llm, queue, rows, oversample, temperature), select(llm, queue, kept))
    return kept


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    kept = asyncio.run(run(oversample, temperature))
    if not kept:
        raise RuntimeError("all samples were wrong; no file is written")
    Path(output_json).write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
