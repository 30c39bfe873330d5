import functools
import logging
import time

log = logging.getLogger(__name__)


def retry(times: int = 3, wait: float = 2.0, on: tuple = (OSError, ConnectionError)):
    """For the hub, which now and then answers 5xx. The last error is passed on."""

    def decorate(fn):
        @functools.wraps(fn)
        def wrapped(*args, **kwargs):
            for attempt in range(1, times + 1):
                try:
                    return fn(*args, **kwargs)
                except on as error:
                    if attempt == times:
                        raise
                    log.warning("%s: %s (attempt %d of %d)", fn.__name__, error, attempt, times)
                    time.sleep(wait * attempt)

        return wrapped

    return decorate


def setup_logging(level: int = logging.INFO) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(name)s %(levelname)s %(message)s")
