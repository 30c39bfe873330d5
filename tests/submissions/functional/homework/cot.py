import sys

from .fn import main

if __name__ == "__main__":
    main(["cot", *sys.argv[1:]])
