import sys

from homework.tasks import load_sft, report, train_sft

load = load_sft

if __name__ == "__main__":
    match sys.argv[1:]:
        case ["train", *rest]:
            train_sft(rest)
        case ["test"]:
            report(load())
        case _:
            raise SystemExit("train or test")
