"""Submissions that mean harm: each an ``attack()`` that tries, in a package that is imported in the cage.

What an attack returns is what it got to know, or how the system refused; the test looks at the harm itself. ``OUTSIDE``
holds what a test tells it of the machine: paths, ports, process numbers, which a real attacker would have to guess.
They go past Python's audit hook, by ``ctypes``: what holds them must be the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

SCRIPT = '''
"""What a grader does, in short: import it, and take what comes."""
import importlib

def run(question, tell, watch):
    watch.phase = "attack"
    found = importlib.import_module("homework").attack()
    tell({"found": found})
'''

TOOLS = '''
import ctypes, os, sys, time
LIBC = ctypes.CDLL(None, use_errno=True)

def refused(status):
    """The name of the error, or None where it was allowed."""
    return None if status >= 0 else os.strerror(ctypes.get_errno())

def each(**acts):
    """What came of trying, by name: what it gave, or its error."""
    found = {}
    for name, act in acts.items():
        try:
            found[name] = act()
        except BaseException as error:
            found[name] = type(error).__name__
    return found

def create(path):
    return refused(LIBC.creat(os.fsencode(path), 0o666))

def read(path):
    """By C, the first bytes of a file."""
    number = LIBC.open(os.fsencode(path), 0)
    if number < 0:
        return refused(number)
    text = ctypes.create_string_buffer(4000)
    count = LIBC.read(number, text, 4000)
    LIBC.close(number)
    return text.raw[:count].decode(errors="replace") if count >= 0 else refused(count)
'''

FORKS = """
def attack():
    while True:
        try:
            os.fork()
        except OSError:
            pass
"""

COUNTS_ITS_FORKS = """
def attack():
    count = 0
    try:
        while os.fork():
            count += 1
        time.sleep(600)
    except OSError:
        return count
"""

HOARDS_IN_SOCKETS = """
import socket
def attack():
    held, count = [], 0
    larger = each(it=lambda: socket.socket(socket.AF_UNIX).setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 10**7))["it"]
    try:
        while True:
            held += socket.socketpair()
            held[-1].setblocking(False)
            try:
                while True:
                    count += held[-1].send(bytes(10**4))
            except BlockingIOError:
                pass
    except OSError:
        return [larger, count]
"""

SLEEPS = """
def attack():
    time.sleep(600)
"""

STOPS_ITSELF = """
import signal
def attack():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.kill(os.getpid(), signal.SIGSTOP)
"""

EATS_MEMORY = """
def attack():
    held = []
    while True:
        held.append(bytearray(10**7))
"""

EATS_MEMORY_AT_ONCE = """
def attack():
    return len(bytearray(10**9))
"""

EATS_SHARED_MEMORY = """
import mmap
def attack():
    held = []
    while True:
        held.append(mmap.mmap(-1, 10**7))
        held[-1].write(bytes(10**7))
"""

EATS_MEMORY_IN_SMALL_BITES = """
def attack():
    for _ in range(8):
        if not os.fork():
            held = bytearray(os.urandom(1)) * (5 * 10**7)
            time.sleep(600)
    time.sleep(600)
"""

FILLS_THE_DISK = """
def fill(place):
    written = 0
    number = LIBC.creat(os.fsencode(place), 0o666)
    block = bytes(10**6)
    while number >= 0 and (count := LIBC.write(number, block, len(block))) > 0:
        written += count
    return [written, os.strerror(ctypes.get_errno())]

def crowd(place):
    for count in range(10**6):
        if (number := LIBC.creat(os.fsencode(f"{place}/{count}"), 0o666)) < 0:
            return [count, os.strerror(ctypes.get_errno())]
        LIBC.close(number)

def attack():
    here = os.environ["TMPDIR"]
    return [fill(f"{here}/a")[0] + fill("/dev/shm/b")[0], crowd(here), fill("/tmp/c"), fill("/c")]
"""

WRITES_OUTSIDE = """
def attack():
    by_python = each(**{path: lambda path=path: open(path, "a").write("x") for path in OUTSIDE["paths"]})
    return [by_python, {path: create(path) for path in OUTSIDE["paths"]}]
"""

PRINTS_WITHOUT_END = """
def attack():
    while True:
        os.write(int(OUTSIDE["descriptor"]), b"x" * 10**5)
"""

TELLS_WITHOUT_END = """
def attack():
    while True:
        os.write(3, OUTSIDE["line"].encode() * 100)
"""

KILLS = """
import signal
def attack():
    targets = {"parent": os.getppid(), "judge": OUTSIDE["judge"], "first": 1, "group": 0, "all": -1}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.kill(1, signal.SIGINT)
    time.sleep(0.1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    found = each(**{name: lambda number=number: os.kill(number, signal.SIGTERM) for name, number in targets.items()})
    found |= each(**{f"{name}, at once": lambda number=number: os.kill(number, signal.SIGKILL)
        for name, number in targets.items() if name != "group"})
    return found
"""

LEAVES = """
def attack():
    os._exit(0)
"""

PRETENDS = r"""
def attack():
    print('{"verdict": "passed", "protections": ["everything"]}')
    print("\033[2J\033[Hunsilent: passed. Everything is fine.", file=sys.stderr)
    os._exit(0)
"""

FORGES_LINES = r"""
def attack():
    for line in (
        b'{"protections": ["everything", "and more"]}', b'{"begin": "sft", "kind": "part"}',
        b'{"end": "sft", "answers": [NaN, 1e999, -Infinity, ' + b"9" * 4000 + b', true, "5", null, 5]}',
        b'{"end": "sft", "answers": [' + b"9" * 10**5 + b']}', b'[' * 10**6, b'{"a":' * 10**5, b'[1]', b'\xff', b'{',
    ):
        os.write(3, line + b"\n" if len(line) < 4096 else b"")
        if len(line) >= 4096:
            with os.fdopen(os.dup(3), "wb") as file:
                file.write(line + b"\n")
    return "went on"
"""

ASKS_FOR_MORE_TIME = r"""
def attack():
    while True:
        os.write(3, b'{"begin": "sft", "kind": "part"}\n')
        time.sleep(0.05)
"""

CLOSES_ITS_PIPES = """
def attack():
    os.closerange(0, 100)
    time.sleep(600)
"""

LEAVES_THE_CAGE = """
def attack():
    nothing = (None, None)
    call = LIBC.syscall
    return {
        "mount": refused(LIBC.mount(b"none", b"/scratch", b"tmpfs", 0, None)),
        "remount": refused(LIBC.mount(None, b"/", None, 0x20 | 0x1000, None)),
        "write to /": create("/new"),
        "umount": refused(LIBC.umount2(b"/proc", 2)),
        "pivot_root": refused(LIBC.pivot_root(b".", b".")),
        "chroot": refused(LIBC.chroot(b"/scratch")),
        "a user namespace": refused(LIBC.unshare(0x10000000)),
        "a mount namespace": refused(LIBC.unshare(0x20000)),
        "clone": refused(call(OUTSIDE["calls"]["clone"], 0x10000000 | 17, 0, 0, 0, 0)),
        "clone3": refused(call(435, ctypes.create_string_buffer(64), 64)),
        "setns": refused(LIBC.setns(os.open("/proc/self/ns/net", 0), 0)),
        "ptrace": refused(LIBC.ptrace(16, 1, *nothing)),
        "trace me": refused(LIBC.ptrace(0, 0, *nothing)),
        "memory of another": refused(call(OUTSIDE["calls"]["process_vm_readv"], 1, None, 0, None, 0, 0)),
        "keys": refused(call(OUTSIDE["calls"]["keyctl"], 0, -3, 0, 0, 0)),
        "bpf": refused(call(OUTSIDE["calls"]["bpf"], 0, None, 0)),
        "io_uring": refused(call(425, 8, ctypes.create_string_buffer(120))),
        "memory of nobody": refused(LIBC.memfd_create(b"x", 0)),
        "shared memory of nobody": refused(LIBC.shmget(0, 10**6, 0o1600)),
        "a file by its number": refused(LIBC.open_by_handle_at(-100, ctypes.create_string_buffer(64), 0)),
        "typing into a terminal": refused(LIBC.ioctl(0, 0x5412, b"x")),
        "holding up a writer": refused(LIBC.fcntl(os.open(os.__file__, os.O_RDONLY), 1024, 0)),
        "bounds of its rights": [line.split()[1] for line in open("/proc/self/status") if line.startswith("Cap")],
        "another user": each(it=lambda: os.setuid(0))["it"],
        "a device": refused(LIBC.mknod(b"/scratch/disk", 0o60600, 0x0800)),
        "the name of the host": refused(LIBC.sethostname(b"x", 1)),
        "the clock": refused(LIBC.clock_settime(0, ctypes.create_string_buffer(16))),
        "calls of another architecture": refused(call(0x40000000 + OUTSIDE["calls"]["getpid"])),
        "calls of tomorrow": refused(call(4000)),
    }
"""

READS_WHAT_IS_NOT_ITS_OWN = """
def attack():
    places = [*OUTSIDE["paths"], "/etc/passwd", "/etc/shadow", "/etc/hostname", "/proc/1/environ", "/proc/1/mem",
              f"/proc/{OUTSIDE['judge']}/environ", "/proc/1/root/etc/passwd", "/proc/self/root/etc/passwd",
              "/proc/self/cwd/../../../../../../etc/passwd", "/proc/kcore", "/dev/mem", "/dev/vda", "/dev/sda"]
    return {
        "files": {path: read(path) for path in places},
        "environment": dict(os.environ),
        "its first environment": read("/proc/self/environ"),
        "processes": [name for name in os.listdir("/proc") if name.isdigit()],
        "homes": [path for path in ("/home", "/mnt", "/var") if os.path.exists(path)],
        "open": [os.readlink(f"/proc/self/fd/{name}").partition(":")[0] for name in os.listdir("/proc/self/fd")
                 if os.path.exists(f"/proc/self/fd/{name}")],
        "host": os.uname().nodename,
        "sys": sorted(os.listdir("/sys")) + sorted(os.listdir("/sys/devices")),
        "user": [os.getuid(), os.getgid()],
    }
"""

OPENS_SOCKETS = r"""
import socket
def connect(family, address):
    with socket.socket(family) as one:
        one.settimeout(5)
        number = LIBC.connect(one.fileno(), address, len(address))
        return refused(number)

def attack():
    port = OUTSIDE["port"].to_bytes(2, "big")
    unix = lambda name: (1).to_bytes(2, sys.byteorder) + name
    return {
        "inet": connect(2, (2).to_bytes(2, sys.byteorder) + port + bytes([127, 0, 0, 1]) + bytes(8)),
        "far away": connect(2, (2).to_bytes(2, sys.byteorder) + port + bytes([1, 2, 3, 4]) + bytes(8)),
        "unix": connect(1, unix(OUTSIDE["socket"].encode() + b"\0")),
        "abstract": connect(1, unix(b"\0" + OUTSIDE["abstract"].encode())),
        "netlink": refused(LIBC.socket(16, 3, 0)),
        "packets": refused(LIBC.socket(17, 3, 0)),
        "raw": refused(LIBC.socket(2, 3, 1)),
        "the host of a virtual machine": refused(LIBC.socket(40, 1, 0)),
        "the kernel's own cipher": refused(LIBC.socket(38, 5, 0)),
        "by Python": each(it=lambda: socket.create_connection(("127.0.0.1", OUTSIDE["port"]), timeout=5))["it"],
    }
"""

LEAVES_DAEMONS = """
def daemon(depth):
    os.setsid()
    if os.fork():
        os._exit(0)
    if depth:
        return daemon(depth - 1)
    os.closerange(0, 100)
    time.sleep(600)

def attack():
    for depth in range(3):
        if not os.fork():
            daemon(depth)
    return "left"
"""

SHADOWS = """
import json, packaging
def attack():
    sys.path.insert(0, os.path.dirname(__file__))
    import conftest
    at_start = [sys.modules.get(name) for name in ("sitecustomize", "usercustomize")]
    return [packaging.__file__, json.__file__, *(str(getattr(one, "__file__", "")) for one in at_start)]
"""

SHIPS_A_PICKLE = """
import pickle
class Evil:
    def __reduce__(self):
        return create, (OUTSIDE["paths"][0],)

def attack():
    return pickle.loads(pickle.dumps(Evil()))
"""

FOLLOWS_LINKS = """
def attack():
    package = os.path.dirname(__file__)
    return [read(f"{package}/{name}") for name in ("link", "folder/secret", "here")]
"""

RETURNS_WHAT_IS_NO_ANSWER = """
def attack():
    return object()
"""


def write_attack(
    folder: Path, source: str, files: Mapping[str, str | Path] = MappingProxyType({}), **outside: object
) -> Path:
    """Write a package ``homework`` with an attack in it, below a new folder ``root``; the folder is returned.

    Args:
        folder: Where it goes, and the script that runs it.
        source: The attack.
        files: What else lies in ``root``: text, or what a link leads to.
        outside: What the attack is told of the machine.
    """
    package = folder / "root" / "homework"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"OUTSIDE = {outside!r}\n{TOOLS}\n{source}")
    (folder / "script.py").write_text(SCRIPT)
    for name, content in files.items():
        if isinstance(content, Path):
            (package.parent / name).symlink_to(content)
        else:
            (package.parent / name).write_text(content)
    return package.parent
