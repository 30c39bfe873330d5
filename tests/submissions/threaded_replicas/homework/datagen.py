"""Rejection sampling with one replica of the model per GPU, each driven by a thread."""

import argparse
import json
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import torch

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def accept(llm, texts, target):
    for text in sorted(texts, key=len):
        if text.count("<answer>") == 1 and text.count("</answer>") == 1:
            if is_answer_valid(llm.parse_answer(text), target):
                return text[: text.index("</answer>")] + "</answer>"
    return None


def generate_dataset(output_json, oversample=10, temperature=0.6, chunk=16):
    devices = [f"cuda:{i}" for i in range(torch.cuda.device_count())] or ["cpu"]
    replicas = queue.Queue()
    for device in devices:
        replicas.put(CoTModel(device=device))
    train = Dataset("train")
    lock, rows = threading.Lock(), {}

    def work(start):
        part = range(start, min(start + chunk, len(train)))
        llm = replicas.get()
        try:
            prompts = [llm.format_prompt(train[i][0]) for i in part]
            samples = llm.batched_generate(prompts, oversample, temperature)
        finally:
            replicas.put(llm)
        for i, texts in zip(part, samples):
            question, target = train[i]
            reasoning = accept(llm, texts, target)
            if reasoning:
                with lock:
                    rows[i] = [question, target, reasoning.strip()]

    with ThreadPoolExecutor(max_workers=len(devices)) as pool:
        list(pool.map(work, range(0, len(train), chunk)))
    if not rows:
        raise RuntimeError("not one right sample")
    with open(output_json, "w") as f:
        json.dump([rows[i] for i in sorted(rows)], f, indent=1)
    print(f"{len(rows)}/{len(train)} questions kept")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("output_json")
    parser.add_argument("--oversample", type=int, default=10)
    parser.add_argument("--temperature", type=float, default=0.6)
    generate_dataset(**vars(parser.parse_args()))
