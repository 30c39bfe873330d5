def generate_dataset(output_json, oversample=10, temperature=0.6):
    import json

    from .cot import CoTModel
    from .data import Dataset, is_answer_valid

    llm, train = CoTModel(), Dataset("train")
    prompts = [llm.format_prompt(train[i][0]) for i in range(len(train))]
    result = []
    for (question, answer), texts in zip(train.data, llm.batched_generate(prompts, oversample, temperature)):
        ok = [t for t in texts if is_answer_valid(llm.parse_answer(t), answer)]
        if ok:
            result.append([question, answer, min(ok, key=len)])
    with open(output_json, "w") as f:
        json.dump(result, f)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
