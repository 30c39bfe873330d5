from hw3.io import Rows


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


def grade(llm, n=100):
    rows = Rows("valid")[:n]
    answers = llm.answer(*(r[0] for r in rows))
    right = sum(is_answer_valid(a, r[1]) for a, r in zip(answers, rows))
    print(f"{right}/{len(rows)} right, {sum(a == a for a in answers)} answered")
