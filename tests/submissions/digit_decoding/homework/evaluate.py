"""python -m homework.evaluate sft: accuracy on the validation split, and the worst misses."""

from .data import Dataset, benchmark


def report(llm, max_question=100, show=5):
    valid = Dataset("valid")
    result = benchmark(llm, valid, max_question)
    print(f"accuracy {result.accuracy:.3f}  answered {result.answer_rate:.3f}")
    for sample in [s for s in result.samples if not s.is_correct][:show]:
        print(f"  {sample.question!r}: {sample.answer} (right: {sample.correct_answer})")
    return result


def main(part, max_question=100):
    from . import cot, rft, sft

    report({"cot": cot, "sft": sft, "rft": rft}[part].load(), max_question)


if __name__ == "__main__":
    from fire import Fire

    Fire(main)
