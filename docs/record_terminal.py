"""Write docs/images/terminal.svg and report.png from a real run: `python docs/record_terminal.py`.

The command runs in a terminal of its own, on a calm machine, for it shows times. Its lines appear
in the picture in the order and, on another scale, at the times at which they appeared; a viewer
without animation shows them all. Chromium takes the picture of the report.
"""

import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

IMAGES = Path(__file__).with_name("images")
WINDOW = (1100, 1150)  # pixels of the picture of the report
COMMAND = "inceptionkit train digits"
COLUMNS, ROWS = 80, 500  # rows: nothing scrolls away
MOST = 40  # lines of the picture; if there are more, epochs are left out,
SHOWN = 3  # of which so many stand at the beginning and at the end
EPOCH = re.compile(r" *\d+\.\d\d  ")
SECONDS = 8  # that it takes until all is there
EM, LINE, EDGE = 8.4, 20, 16  # width of a character, height of a line, margin: pixels
CONTROL = re.compile(r"\x1b\[([\d;?]*)([A-Za-z])|\x1b[()][A-Z0-9]|\x1b\][^\x07]*\x07")


@dataclass
class Screen:
    """What a terminal shows after the characters so far: lines, and when each was begun."""

    lines: list[str] = field(default_factory=lambda: [""])
    began: list[float] = field(default_factory=lambda: [0.0])
    row: int = 0
    style: str = ""

    def feed(self, text: str, now: float) -> None:
        """Take output of a program that writes lines, and rewrites some of the last."""
        at = 0
        while at < len(text):
            if control := CONTROL.match(text, at):
                self.act(control)
                at = control.end()
                continue
            self.put(text[at], now)
            at += 1

    def act(self, control: re.Match[str]) -> None:
        """Move up, erase a line, or change the color; nothing else matters here."""
        number, what = control[1] or "", control[2]
        if what == "A":
            self.row = max(0, self.row - int(number or 1))
        elif what == "K":
            self.lines[self.row] = ""
        elif what == "m":
            self.lines[self.row] += control[0]

    def put(self, character: str, now: float) -> None:
        """A character, the end of a line, or the way back to its beginning."""
        if character == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
                self.began.append(now)
        elif character == "\r":
            self.returned = True
            return
        else:
            if getattr(self, "returned", False):
                self.lines[self.row] = ""
            self.lines[self.row] += character
        self.returned = False


def record(command: str) -> Screen:
    """Run a command in a terminal, in an empty folder, and take a picture of its report."""
    ours, theirs = pty.openpty()
    environment = os.environ | {
        "COLUMNS": f"{COLUMNS}",
        "LINES": f"{ROWS}",
        "TERM": "xterm-256color",
    }
    screen, start = Screen(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", *shlex.split(command)]
        process = subprocess.Popen(
            words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=folder
        )
        os.close(theirs)
        rest = b""
        while True:
            try:
                data = rest + os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not data:
                break
            whole = data.rfind(b"\n") + 1 or len(data)  # no character or control is cut in two
            rest = data[whole:]
            screen.feed(data[:whole].decode(errors="replace"), time.monotonic() - start)
        screen.feed(rest.decode(errors="replace"), time.monotonic() - start)
        if process.wait():
            sys.exit(f"{command} ended with {process.returncode}")
        for report in Path(folder).glob("runs/*/report.html"):
            photograph(report, IMAGES / "report.png")
    return screen


def photograph(page: Path, picture: Path) -> None:
    """Show a page in Chromium, and keep its upper part in few colors."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or "chromium"
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    size = "--window-size={},{}".format(*WINDOW)
    to = [size, f"--screenshot={picture}", page.resolve().as_uri()]
    subprocess.run([browser, *words, *to], check=True, stderr=subprocess.DEVNULL)
    with Image.open(picture) as whole:
        few = whole.convert("RGB").quantize(64)
    few.save(picture, optimize=True)


def shown(screen: Screen) -> Iterator[tuple[float, Text]]:
    """Time and content of the lines in the picture."""
    lines = [
        (at, Text.from_ansi(line)) for at, line in zip(screen.began, screen.lines, strict=True)
    ]
    while lines and not lines[-1][1].plain.strip():
        lines.pop()
    rows = [n for n, (_, line) in enumerate(lines) if EPOCH.match(line.plain)]
    if len(lines) > MOST and rows:
        first = rows[SHOWN]
        lines[first : rows[-SHOWN]] = [(lines[first][0], Text("    ...", "dim"))]
    yield from lines


def spans(line: Text) -> Iterator[str]:
    """A line as SVG: parts of one style each."""
    column, console = 0, Console(width=COLUMNS, color_system="truecolor", legacy_windows=False)
    for segment in Segment.simplify(line.render(console)):
        text, style = segment.text.rstrip("\n"), segment.style or Style.null()
        if text.strip():
            color = MONOKAI.foreground_color
            if style.color is not None and not style.color.is_default:
                color = style.color.get_truecolor(MONOKAI)
            look = f'fill="{color.hex}"' + (' font-weight="bold"' if style.bold else "")
            look += ' opacity="0.6"' if style.dim else ""
            width = f'textLength="{len(text) * EM:.1f}"'
            yield f'<tspan x="{EDGE + column * EM:.1f}" {width} {look}>{escape(text)}</tspan>'
        column += len(text)


def drawing(command: str, screen: Screen) -> str:
    """The picture."""
    lines = [(0.0, Text.assemble(("$ ", "green"), (command, "bold"))), *shown(screen)]
    whole = max(at for at, _ in lines) or 1.0
    width, height = COLUMNS * EM + 2 * EDGE, (len(lines) + 1) * LINE + 2 * EDGE
    rows = []
    for number, (at, line) in enumerate(lines):
        y, delay = EDGE + (number + 2) * LINE, 0.5 + SECONDS * at / whole if number else 0.0
        parts = "".join(spans(line))
        rows.append(f'<text y="{y}" style="animation-delay:{delay:.2f}s">{parts}</text>')
    body = "\n".join(rows)
    dots = "".join(
        f'<circle cx="{EDGE + 6 + 20 * n}" cy="{EDGE + 4}" r="6" fill="{c}"/>'
        for n, c in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" \
role="img" aria-label="{escape(command)} in a terminal">
<style>
text {{ font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre;
  animation: appear 0.01s both; }}
@keyframes appear {{ from {{ visibility: hidden }} to {{ visibility: visible }} }}
@media (prefers-reduced-motion: reduce) {{ text {{ animation: none }} }}
</style>
<rect width="100%" height="100%" rx="8" fill="#1b1d23"/>
{dots}
{body}
</svg>
"""


if __name__ == "__main__":
    asked = shlex.join(sys.argv[1:]) or COMMAND
    picture = drawing(asked, record(asked))
    (IMAGES / "terminal.svg").write_text(picture, encoding="utf-8")
