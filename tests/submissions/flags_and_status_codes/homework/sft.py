import sys

from .defs import E_USAGE, ST_SFT
from .llm import load_sft as load  # noqa: F401
from .train import do_test, do_train


def main(argc, argv):
    if argc < 2 or argv[1] not in ("train", "test"):
        return E_USAGE
    f = do_train if argv[1] == "train" else do_test
    return f(ST_SFT, argv[2] if argc > 2 else None)


if __name__ == "__main__":
    sys.exit(main(len(sys.argv), sys.argv))
