"""``python -m unsilent``, the same program as ``unsilent``."""

from .cli import main

if __name__ == "__main__":
    main()
