"""Pages as programs: the blocks of a page, run from top to bottom in a folder of their own.

A comment of one line above a block says what is special about it:

`<!-- not run: why -->`  what a test cannot have, such as a cluster;
`<!-- with the model that ships -->`  what needs one, where the installation has it;
`<!-- fails -->`         commands that are refused, in the words of the next block.
"""

import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from served import serving

from inceptionkit.cli import main
from inceptionkit.model.folder import shipped

BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*?) -->\n+)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SHIPS = "with the model that ships"
SHORTER = (  # long trainings, and what only the network has; also in the cells of a notebook
    (r"--budget \d+(min|h)\b", "--epochs 1"),
    (r"--epochs \d+", "--epochs 1"),
    (r"\bepochs=\d+", "epochs=1"),
    (r"--folds \d+", "--folds 2"),
    (r'\bbudget="\d+min"', "epochs=1"),
    (r"(?m)^(inceptionkit train (?!.*epochs)[^\n#]*[^\n# ])", r"\1 --epochs 1"),
    (r"--arch googlenet(\S*)(?!.*--input)", r"--arch googlenet\1 --input 64"),
    (r"--from torchvision/googlenet\b", "--from googlenet.safetensors --input 64"),
    (r"--from runs/head\b", "--from runs/head lr=0.001"),  # random weights bear small steps only
    (r"--from (MODEL|runs/photos-googlenet-001)\b", r"--from \1 --input 64"),
    (r'from_="torchvision/googlenet"', 'from_="googlenet.safetensors", input_size=64'),
    (r'"torchvision/googlenet"', '"googlenet.safetensors"'),
    (r"\binception_v3_google-0cc3c7bd\.pth\b", "googlenet.safetensors"),
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    note: str
    line: int

    @property
    def skipped(self) -> bool:
        """Whether it is not run."""
        return self.note.startswith("not run: ") or (self.note == SHIPS and not shipped())

    @property
    def fails(self) -> bool:
        """Whether its commands are refused."""
        return self.note == "fails"


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text("utf-8")
    return [
        Block(found["language"], found["text"], found["note"] or "", text.count("\n", 0, at) + 1)
        for found in BLOCK.finditer(text)
        if (at := found.start("language"))
    ]


def commands(block: Block) -> Iterator[str]:
    """The command lines of a block, without comments; a line may go on in the next."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = re.sub(r"(^|\s+)#.*", "", line).strip()
        if words:
            yield words


def shorter(text: str) -> str:
    """The same commands or code with trainings of one epoch."""
    for long, short in SHORTER:
        text = re.sub(long, short, text)
    return text


class Desk:
    """The current folder, where a reader tries a page, and the server that was started there."""

    def __init__(self, server: ExitStack, logs: Path) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.server, self.logs = server, logs
        self.address = "http://localhost:8000"

    def run(self, block: Block) -> str:
        """Run a block; what was complained about."""
        if block.language == "python":
            code = compile(self.here(block.text), f"line {block.line}", "exec")
            exec(code, self.names)  # noqa: S102 - it is our documentation
            return ""
        return "".join(self.type(line, fails=block.fails) for line in commands(block))

    def here(self, text: str) -> str:
        """A text with short trainings and with the port of this server."""
        return shorter(self.ported(text))

    def ported(self, text: str) -> str:
        """A text with the port of this server."""
        host = self.address.removeprefix("http://")
        port = host.rpartition(":")[2]
        return text.replace("localhost:8000", host).replace("--port 8000", f"--port {port}")

    def type(self, line: str, *, fails: bool) -> str:
        """Run a command line; what was complained about."""
        line = self.ported(line) if fails else self.here(line)
        if line.startswith("pip install"):
            return ""
        if line.startswith("inceptionkit serve"):
            words = shlex.split(line)[2:]
            return self.refuse(words) if fails else self.serve(words)
        if not line.startswith("inceptionkit "):
            self.shell(line)
            return ""
        line, _, file = line.partition(" > ")
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with redirect_stdout(out), redirect_stderr(err):
            code = main([*expanded(shlex.split(line)[1:])])
        if file:
            Path(file).write_text(said(out))
        assert code == (2 if fails else 0), f"{line}: ended with {code}\n{said(err)}"
        return said(err)

    def shell(self, line: str) -> None:
        """Let a shell run what is no command of ours."""
        done = subprocess.run(  # noqa: S602 - it is our documentation
            line, shell=True, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"

    def serve(self, words: list[str]) -> str:
        """Start a server in place of the last one; addresses in the next blocks are its own."""
        self.server.close()
        self.address, _ = self.server.enter_context(serving(self.logs, *words))
        return ""

    def refuse(self, words: list[str]) -> str:
        """Try to start a server that cannot start; what was complained about."""
        done = subprocess.run(
            [sys.executable, "-m", "inceptionkit", "serve", *words],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 2, f"serve {words}: ended with {done.returncode}\n{done.stderr}"
        return done.stderr


def said(stream: io.TextIOWrapper) -> str:
    """What was written to a stream in memory."""
    stream.seek(0)
    return stream.read()


def expanded(words: list[str]) -> Iterator[str]:
    """Words of a command line with the files that a pattern names."""
    for word in words:
        yield from sorted(map(str, Path().glob(word))) if "*" in word else [word]
