import sys

from .fn import main

if __name__ == "__main__":
    main(["rft", *sys.argv[1:]])
