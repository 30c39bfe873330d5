"""Every prompt in one place."""

SYSTEM = "You convert units. Answer with a number inside <answer></answer>."

SHOTS = [
    ("How many g are 2 kg?", "1 kg = 1000 g. 2 * 1000 = <answer>2000</answer>"),
    ("Convert 90 sec to min.", "60 sec = 1 min. 90 / 60 = <answer>1.5</answer>"),
]


def chat(tokenizer, question, shots=()):
    messages = [{"role": "system", "content": SYSTEM}]
    for asked, told in shots:
        messages.append({"role": "user", "content": asked})
        messages.append({"role": "assistant", "content": told})
    messages.append({"role": "user", "content": question})
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def direct(question):
    return f"Q: {question.strip()}\nA: <answer>"


def stepwise(question):
    return f"Q: {question.strip()}\nLet's go step by step. "
