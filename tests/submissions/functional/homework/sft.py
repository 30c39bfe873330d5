import sys

from .fn import main

if __name__ == "__main__":
    main(["sft", *sys.argv[1:]])
