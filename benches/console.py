#!/usr/bin/env python3
"""What the console costs, in a terminal of its own: first frame, key to frame, bytes, idle work, memory.

usage: console.py PROGRAM LAKE LANDING TODAY [ROUNDS]

LANDING should hold nothing that is not loaded yet, so that no load runs beside. Where there is no LAKE yet the console loads LANDING into
it, and keys are pressed meanwhile. Needs Python alone.
"""
import fcntl, itertools, os, pty, select, statistics, struct, sys, tempfile, termios, time

program, lake, landing, today = sys.argv[1:5]
rounds = int(sys.argv[5]) if len(sys.argv) > 5 else 200
HEIGHT, WIDTH = 60, 200
home = tempfile.mkdtemp()
loading = not os.path.exists(lake)
environment = dict(os.environ, XDG_DATA_HOME=home, XDG_CONFIG_HOME=home, TERM="xterm-256color", COLORTERM="")

began = time.perf_counter()
pid, terminal = pty.fork()
if pid == 0:
    os.execve(program, [program, "--lake", lake, "--landing", landing, "--today", today, "--theme", "dark"], environment)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))


def read(seconds):
    """Bytes that come until nothing has come for so long, and when the last of them came."""
    size, last = 0, time.perf_counter()
    while select.select([terminal], [], [], seconds)[0]:
        size += len(os.read(terminal, 1 << 16))
        last = time.perf_counter()
    return size, last


def first(seconds=5.0):
    """When the first byte comes."""
    select.select([terminal], [], [], seconds)
    return time.perf_counter()


def processor():
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory():
    lines = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)
    return int(lines["VmRSS"].split()[0]) // 1024


def keys(text, times):
    """Milliseconds from a key to the frame that answers it, and bytes of that frame."""
    waits, sizes = [], []
    for _ in range(times):
        pressed = time.perf_counter()
        os.write(terminal, text)
        waits.append((first() - pressed) * 1000)
        sizes.append(read(0.03)[0])
    waits.sort()
    return statistics.median(waits), waits[int(len(waits) * 0.99) - 1], statistics.median(sizes)


print(f"first frame            {(first() - began) * 1000:8.1f} ms")
if loading:
    time.sleep(5)
    waits = []
    for pane in itertools.islice(itertools.cycle(b"2345"), rounds):
        read(0.03)
        pressed = time.perf_counter()
        os.write(terminal, bytes([pane]))
        waits.append((first() - pressed) * 1000)
    waits.sort()
    print(f"pane while a load runs  {statistics.median(waits):8.1f} ms in the middle, {waits[int(len(waits) * 0.99) - 1]:.1f} ms at the 99th percentile, {memory()} MB")
    os.write(terminal, b"qq")
    sys.exit()
_, settled = read(1.5)
print(f"filled                 {(settled - began) * 1000:8.1f} ms")
for pane in range(1, 8):
    pressed = time.perf_counter()
    os.write(terminal, str(pane).encode())
    shown = first()
    size, settled = read(1.5)
    print(f"pane {pane}                 {(shown - pressed) * 1000:8.1f} ms, filled after {(settled - pressed) * 1000:8.1f} ms, {size} bytes")
os.write(terminal, b"6z")
read(1.0)
for name, text, times in [("step down in feeders", b"j", rounds), ("page down in feeders", b"\x1b[6~", rounds // 4)]:
    median, late, size = keys(text, times)
    print(f"{name}   {median:8.1f} ms in the middle, {late:.1f} ms at the 99th percentile, {size:.0f} bytes")
os.write(terminal, b"zvg")
read(1.0)
for name, text, times in [("page down in all DERs", b"\x1b[6~", rounds // 4), ("their last row, and first", b"Gg", 3)]:
    median, late, size = keys(text, times)
    print(f"{name}   {median:8.1f} ms in the middle, {late:.1f} ms at the 99th percentile, {size:.0f} bytes")
os.write(terminal, b"v:")
read(1.0)
for letter in b"36_17":
    pressed = time.perf_counter()
    os.write(terminal, bytes([letter]))
    shown = first()
    _, settled = read(1.5)
    print(f"go to, one more sign   {(shown - pressed) * 1000:8.1f} ms, all found after {(settled - pressed) * 1000:8.1f} ms")
os.write(terminal, b"\x1b")
read(0.5)
os.write(terminal, b"z/")
read(0.5)
for letter in b"36_17":
    pressed = time.perf_counter()
    os.write(terminal, bytes([letter]))
    _, settled = read(0.4)
    print(f"filter, one more sign  {(settled - pressed) * 1000:8.1f} ms")
os.write(terminal, b"\x1b")
read(0.5)
before = processor()
size, _ = 0, 0
end = time.perf_counter() + 10
while time.perf_counter() < end:
    if select.select([terminal], [], [], 0.1)[0]:
        size += len(os.read(terminal, 1 << 16))
print(f"10 idle seconds        {size} bytes, {processor() - before:.2f} processor seconds")
print(f"memory                 {memory()} MB")
os.write(terminal, b"q")
time.sleep(0.5)
