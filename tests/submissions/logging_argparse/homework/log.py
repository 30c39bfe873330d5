import logging
import sys
import time
from contextlib import contextmanager


def setup_logging(verbose: bool = False, logfile: str | None = None):
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if logfile:
        handlers.append(logging.FileHandler(logfile))
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
        handlers=handlers,
    )
    for noisy in ("urllib3", "filelock", "huggingface_hub"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


@contextmanager
def timed(logger: logging.Logger, what: str):
    start = time.perf_counter()
    logger.info("%s ...", what)
    try:
        yield
    finally:
        logger.info("%s took %.1f s", what, time.perf_counter() - start)
