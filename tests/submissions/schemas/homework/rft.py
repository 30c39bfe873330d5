import sys

from homework.tasks import load_rft, report, train_rft

load = load_rft

if __name__ == "__main__":
    match sys.argv[1:]:
        case ["train", *rest]:
            train_rft(rest)
        case ["test"]:
            report(load())
        case _:
            raise SystemExit("train or test")
