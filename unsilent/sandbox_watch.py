"""The second layer of the sandbox, everywhere: what Python itself sees of a submission, refused and written down.

An audit hook refuses what would write or connect, as the system would, and tells from which line of the submission it
was asked. A finder hides every package but those that are allowed: to whoever asks they are not installed. Libraries
may write to the scratch folder, as torch does when it is imported; the submission may not, as at the grader, but in a
cage, whose scratch folder is its own. Run by its path, in the child; it imports nothing of this package.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import stat
import sys
import sysconfig
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import FrameType

    Tell = Callable[[dict[str, Any]], None]

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Events of Python's audit that change files, with the places of the paths among their arguments. A path relative to an
# open folder, and what C opens itself, are left to the first layer.
CHANGES = {
    "os.mkdir": (0,), "os.symlink": (1,), "os.link": (1,),
    "os.remove": (0,), "os.rmdir": (0,), "os.rename": (0, 1), "os.truncate": (0,), "os.chmod": (0,),
    "os.chown": (0,), "os.utime": (0,), "os.setxattr": (0,), "os.removexattr": (0,),
}  # fmt: skip
MAKES = ("os.mkdir", "os.symlink", "os.link")
CONNECTS = ("socket.connect", "socket.sendto", "socket.sendmsg")
LOOKS_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
NEEDS_NO_LOOKING_UP = re.compile(r"|localhost|[0-9.]+|[0-9a-fA-F.:%]*:[0-9a-fA-F.:%]*")
# What an error says where the first layer has refused something that Python does not audit.
SAYS_WRITE = re.compile(r"read-only file system", re.IGNORECASE)
SAYS_NETWORK = re.compile(
    r"network is unreachable|name resolution|offline mode is enabled|outgoing traffic has been disabled", re.IGNORECASE
)
MOST_TOLD = 200  # refusals; a loop may try for ever
PACKAGES = f"-packages{os.sep}"  # site-packages or dist-packages, wherever they lie
MARK = "_refused_by_unsilent"


class Watch:
    """Refuses, tells what was refused, and knows which refusal an error came from.

    Attributes:
        phase: What is going on; nothing is told before there is a phase.
    """

    def __init__(
        self, root: str, scratch: str, modules: Iterable[str] | None, tell: Tell, *, may_write: bool = False
    ) -> None:
        """Remember what is allowed: to write below ``scratch``, to import ``modules``; None allows all.

        ``may_write``: whether the submission itself may write there.
        """
        self.may_write = may_write
        self.root, self.scratch = (os.path.realpath(path) + os.sep for path in (root, scratch))
        self.modules = None if modules is None else frozenset(modules) | sys.stdlib_module_names
        self.tell = tell
        self.phase = ""
        self.told: set[tuple[str, ...]] = set()
        self.hidden: dict[str, str] = {}  # package: the line that asked for it
        self.own = {paths[name] for paths in [sysconfig.get_paths()] for name in ("stdlib", "platstdlib")}

    def judge(self, event: str, arguments: Sequence[Any]) -> None:
        """The audit hook.

        Raises:
            OSError: As the system would where nothing can be written, and no network is there.
        """
        if event == "open" or event in CHANGES:
            for path in changed_paths(event, arguments):
                if not self.is_below(path, self.scratch) or (not self.may_write and self._is_asked_by_submission()):
                    error = OSError(errno.EROFS, os.strerror(errno.EROFS), path)
                    raise self.refuse("write", self._shown(path), error)
        elif event in CONNECTS and arguments[1] and arguments[0].family != getattr(socket, "AF_UNIX", None):
            error = OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
            address = arguments[1]
            shown = ":".join(map(str, address[:2])) if isinstance(address, tuple) else _text(address)
            raise self.refuse("network", shown, error)
        elif event in LOOKS_UP and not NEEDS_NO_LOOKING_UP.fullmatch(_text(arguments[0] or "")):
            error = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            raise self.refuse("network", _text(arguments[0]), error)

    def refuse(self, kind: str, what: str, error: OSError) -> OSError:
        """Tell of it, and mark the error so that it is known again, whatever is raised from it."""
        where = self.where(sys._getframe(1))  # noqa: SLF001 - the way to a frame
        error.__dict__[MARK] = (kind, what, where)
        self.say("refused", kind, what, where)
        return error

    def say(self, word: str, kind: str, what: str, where: str) -> None:
        """Tell one refusal, once in a phase."""
        one = (word, kind, what, where, self.phase)
        if self.phase and one not in self.told and (len(self.told) < MOST_TOLD or word == "fatal"):
            self.told.add(one)
            self.tell({word: {"kind": kind, "what": what[:300], "where": where, "phase": self.phase}})

    def may_import(self, name: str) -> bool:
        """Whether a grader has the package."""
        return self.modules is None or name in self.modules or name.startswith("_sysconfigdata")

    def hide(self, name: str) -> None:
        """Remember that a package was asked for; tell of it where the submission itself did."""
        frame = sys._getframe(1)  # noqa: SLF001 - the way to a frame
        where = self.where(frame)
        self.hidden.setdefault(name, where)
        if self._is_asked_by_submission():
            self.say("refused", "import", name, where)

    def explain(self, error: BaseException) -> str:
        """Give an error in words, and tell which refusals it came from."""
        links = list(chain(error))
        causes = [cause for one in links for cause in self._causes(one)]
        for kind, what, where in causes or [cause for one in links for cause in _said(one)]:
            self.say("fatal", kind, what, where or self._raised_at(error))
        return in_words(error)

    def _causes(self, error: BaseException) -> Iterator[tuple[str, str, str]]:
        """What was refused, or is not there, that this one error of a chain tells of."""
        if marked := getattr(error, MARK, None):
            yield marked
        elif isinstance(error, ModuleNotFoundError) and error.name:
            name = error.name.partition(".")[0]
            if not self.may_import(name) and not os.path.exists(self.root + name):  # noqa: PTH110 - as it is
                yield "import", name, self.hidden.get(name, "")
        elif isinstance(error, ImportError):  # a library says that it needs another one
            for name, where in self.hidden.items():
                if re.search(rf"\b{re.escape(name)}\b", in_words(error)):
                    yield "import", name, where

    def where(self, frame: FrameType | None) -> str:
        """The submission's own line that is nearest to a frame: ``homework/sft.py:12``."""
        while frame is not None:
            if self._is_own(frame.f_code.co_filename):
                return f"{self._shown(frame.f_code.co_filename)}:{frame.f_lineno}"
            frame = frame.f_back
        return ""

    def _raised_at(self, error: BaseException) -> str:
        """The submission's own line that an error came through last."""
        found, trace = "", error.__traceback__
        while trace is not None:
            name = trace.tb_frame.f_code.co_filename
            found = f"{self._shown(name)}:{trace.tb_lineno}" if self._is_own(name) else found
            trace = trace.tb_next
        return found

    def _is_asked_by_submission(self) -> bool:
        """Whether it is the submission that asks, by itself or through the standard library, and not a library."""
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the way to a frame
        while frame is not None:
            name = frame.f_code.co_filename
            if self._is_own(name):
                return True
            if name != __file__ and not name.startswith("<frozen") and not self._is_standard(name):
                return False
            frame = frame.f_back
        return False

    def _is_own(self, name: str) -> bool:
        """Whether code of this file name is the submission's; ``<frozen ...>`` is nobody's."""
        return name.startswith(os.sep) and PACKAGES not in name and self.is_below(name, self.root)

    def _is_standard(self, name: str) -> bool:
        return any(name.startswith(place + os.sep) for place in self.own) and PACKAGES not in name

    @staticmethod
    def is_below(path: str, folder: str) -> bool:
        """Whether a path leads into a folder; what a link leads to counts."""
        return (os.path.realpath(path) + os.sep).startswith(folder)

    def _shown(self, path: str) -> str:
        return os.path.realpath(path).removeprefix(self.root)


class Limited:
    """The only finder: asks those that were there, and hides what is not allowed, modules and metadata."""

    def __init__(self, finders: Iterable[Any], distributions: Iterable[str], watch: Watch) -> None:
        """Take the place of all finders."""
        self.finders = list(finders)
        self.distributions = frozenset(distributions)
        self.watch = watch

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:  # noqa: ANN401 - as importlib has it
        """As any finder; None for what is hidden."""
        for finder in self.finders:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                break
        else:
            return None
        if "." in name or self.watch.may_import(name) or self._comes_along(spec):
            return spec
        self.watch.hide(name)
        return None

    def _comes_along(self, spec: Any) -> bool:  # noqa: ANN401 - a ModuleSpec
        """Whether it lies in the submission, or within a package that is allowed, as setuptools' own copies do."""
        places = [spec.origin] if spec.has_location else list(spec.submodule_search_locations or ())
        owners = [place.rpartition(PACKAGES)[2].partition(os.sep)[0] for place in places]
        allowed = [
            self.watch.is_below(place, self.watch.root) or (PACKAGES in place and self.watch.may_import(owner))
            for place, owner in zip(places, owners, strict=True)
        ]
        return bool(places) and all(allowed)

    def find_distributions(self, *context: Any) -> Iterator[Any]:  # noqa: ANN401 - as importlib.metadata has it
        """Metadata of what is allowed."""
        for finder in self.finders:
            for one in getattr(finder, "find_distributions", lambda *_: ())(*context):
                if re.sub(r"[-_.]+", "-", one.metadata["Name"] or "").lower() in self.distributions:
                    yield one

    def invalidate_caches(self) -> None:
        """As any finder."""
        for finder in self.finders:
            getattr(finder, "invalidate_caches", lambda: None)()


def changed_paths(event: str, arguments: Sequence[Any]) -> list[str]:
    """The paths that a call would change; none where it changes nothing, or fails by itself."""
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITING):
        return []
    paths = [arguments[place] for place in CHANGES.get(event, (0,))]
    if any(isinstance(path, int) for path in paths):  # a file that is open: it was judged then
        return []
    names = [_text(path) for path in paths]
    is_there = os.path.lexists(names[0])
    if event != "open":
        return names if is_there != (event in MAKES) else []
    if is_there:
        return names if _is_stored(names[0]) else []
    return names if arguments[2] & os.O_CREAT and os.path.isdir(os.path.dirname(names[0]) or ".") else []  # noqa: PTH112, PTH120


def _said(error: BaseException) -> Iterator[tuple[str, str, str]]:
    """What the first layer has refused to code that Python does not audit, by the words of the system."""
    text = in_words(error)
    if SAYS_WRITE.search(text):
        yield "write", "a file", ""
    elif SAYS_NETWORK.search(text):
        yield "network", "a connection", ""


def _is_stored(path: str) -> bool:
    """A file or folder, and no device, pipe or socket, which a read-only system writes to as well."""
    with contextlib.suppress(OSError):
        kind = os.stat(path).st_mode  # noqa: PTH116 - the path of an audit event, perhaps bytes
        return stat.S_ISREG(kind) or stat.S_ISDIR(kind)
    return True


def _text(path: Any) -> str:  # noqa: ANN401 - str, bytes or PathLike
    return os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else str(path)


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised from, and what was being handled when it was."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            left += [one.__context__, one.__cause__]
            yield one


def in_words(error: BaseException) -> str:
    """Give an exception on one line, its control characters gone and not too long."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - somebody's own exception
        text = ""
    said = "".join(one if one.isprintable() else " " for one in text)
    return f"{type(error).__name__}: {' '.join(said.split())[:300]}".removesuffix(": ")
