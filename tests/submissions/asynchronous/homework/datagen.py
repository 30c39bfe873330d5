import asyncio
import json
import sys
from pathlib import Path

from .client import load_cot, run
from .dataset import Dataset, is_answer_valid


async def agenerate_dataset(output_json, oversample=10, temperature=0.6):
    llm = await asyncio.to_thread(load_cot)
    kept = []
    async for question, correct in Dataset("train"):
        (texts,) = await llm.agenerate([llm.format_prompt(question)], oversample, temperature)
        good = [t.strip() for t in texts if is_answer_valid(llm.parse_answer(t), correct)]
        if good:
            kept.append([question, correct, good[0]])
    if not kept:
        raise RuntimeError("nothing kept")
    await asyncio.to_thread(Path(output_json).write_text, json.dumps(kept))


def generate_dataset(output_json, oversample=10, temperature=0.6):
    run(agenerate_dataset(output_json, oversample, temperature))


if __name__ == "__main__":
    generate_dataset(sys.argv[1])
