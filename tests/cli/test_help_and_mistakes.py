"""What a user types to find the way: help, versions, completion; and what is mistyped."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inceptionkit.cli import detect
from inceptionkit.cli.app import COMMANDS, app
from inceptionkit.cli.help import GROUPS

JARGON = re.compile(r"<(bool|str|int|float)|\[\[|\.\.\.\]\.\.\.|int range|\bTEXT\b.*\bTEXT\b")
VERBS = [command.verb.__name__ for command in COMMANDS]
DETECT_VERBS = [f"detect {name}" for name in detect.COMMANDS]


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["help"], []], ids=str)
def test_help_lists_the_verbs_in_groups(inceptionkit: Callable, words: list[str]) -> None:
    said = inceptionkit(*words)
    lines = said.out.splitlines()
    places = [lines.index(group) for group in GROUPS]

    assert said.err == ""
    assert places == sorted(places)
    for verb in VERBS:
        assert sum(line.startswith(f"  {verb} ") for line in lines) == 1


def test_help_of_detect_lists_its_verbs_in_groups(inceptionkit: Callable) -> None:
    lines = inceptionkit("detect", "--help").out.splitlines()
    heads = ("Look at data", "Train", "Use", "Deploy")
    places = [lines.index(head) for head in heads]
    below = [[line.split()[0] for line in lines[at + 1 :] if line.strip()] for at in places]

    assert places == sorted(places)
    assert [words[0] for words in below] == ["check", "train", "evaluate", "export"]


@pytest.mark.parametrize("verb", ["", "train"])
def test_help_may_come_first_within_detect_too(inceptionkit: Callable, verb: str) -> None:
    said = inceptionkit("detect", "help", *verb.split())

    assert (said.code, said.err) == (0, "")
    assert said.out == inceptionkit("detect", *verb.split(), "--help").out


@pytest.mark.parametrize("verb", [*VERBS, *DETECT_VERBS])
def test_no_group_of_options_is_long(inceptionkit: Callable, verb: str) -> None:
    groups = inceptionkit(*verb.split(), "--help").out.split("\n\n")

    assert max(len(re.findall(r"^  -", group, re.MULTILINE)) for group in groups) <= 10


def test_help_shows_what_an_argument_is_where_it_is_left_out(inceptionkit: Callable) -> None:
    said = inceptionkit("serve", "--help").out

    assert "Usage: inceptionkit serve [MODEL ...] [options]\n" in said
    assert "(default: the one that ships, inceptionkit/small)" in " ".join(said.split())
    assert (
        "Usage: inceptionkit train DATA [KEY=VALUE ...] [options]\n"
        in inceptionkit("train", "--help").out
    )


@pytest.mark.parametrize("verb", [*VERBS, *DETECT_VERBS])
def test_help_of_a_verb_is_without_the_words_of_parsers(inceptionkit: Callable, verb: str) -> None:
    said = inceptionkit("help", *verb.split())
    lines = said.out.splitlines()

    assert (said.code, said.err) == (0, "")
    assert said.out == inceptionkit(*verb.split(), "-h").out
    assert not JARGON.search(said.out), JARGON.search(said.out)
    assert max(map(len, lines)) <= 100
    examples = lines[lines.index("Examples") + 1 :]
    assert all(line.startswith(f"  inceptionkit {verb}") for line in examples if line.strip())


@pytest.mark.parametrize("words", [["-V"], ["--version"], ["version"]], ids=str)
def test_the_version_in_three_ways(inceptionkit: Callable, words: list[str]) -> None:
    assert inceptionkit(*words).out == "inceptionkit 0.1.0\n"


def test_short_options_are_those_of_other_programs(inceptionkit: Callable) -> None:
    assert inceptionkit("architectures", "-q").out == ""
    assert inceptionkit("architectures", "-v").out == inceptionkit("architectures").out


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("inceptionkit tr", {"train"}),
        ("inceptionkit train digits --precision b", {"bf16"}),
        ("inceptionkit train digits --arch googlenet:b", {"googlenet:bn"}),
        ("inceptionkit train digits --recipe goo", {"googlenet_2014"}),
    ],
)
def test_a_shell_completes(typed: str, found: set[str]) -> None:
    asked = {
        "_INCEPTIONKIT_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-m", "inceptionkit"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | asked,
    )

    assert found <= set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("evaluate RUN", "evaluate needs DATA: inceptionkit evaluate MODEL ... DATA [options]"),
        ("evaluate", "evaluate needs MODEL: inceptionkit evaluate MODEL ... DATA [options]"),
        ("train", "train needs DATA: inceptionkit train DATA [KEY=VALUE ...] [options]"),
        ("trian digits", "there is no verb 'trian'; did you mean 'train'?"),
        (
            "train digits --lr 0.01",
            "train has no option --lr; a setting is written lr=VALUE, without dashes",
        ),
        (
            "train digits --learning-rate 0.01",
            "train has no option --learning-rate; a setting is written lr=VALUE, without dashes",
        ),
        ("train digits learning_rate=0.01", "there is no setting 'learning_rate'; write lr=0.01"),
        ("train digits batch-size=8", "there is no setting 'batch-size'; write batch=8"),
        ("train digits budget=10min", "there is no setting 'budget'; write --budget 10min"),
        (
            "train digits --pretrained",
            "train has no option --pretrained; did you mean --from MODEL?",
        ),
        ("export RUN --format onnx", "export has no option --format; did you mean --to KIND?"),
        ("train digits --name x", "train has no option --name; did you mean --out?"),
        ("train digits --batch-size 8", "train has no option --batch-size; did you mean --batch?"),
        (
            "train --data digits",
            (
                "train has no option --data; give DATA without it: "
                "inceptionkit train DATA [KEY=VALUE ...] [options]"
            ),
        ),
        (
            "train digits --resume",
            "train has no option --resume; the command for that is: inceptionkit resume RUN",
        ),
        (
            "detect train cells/ --resume",
            "train has no option --resume; the command for that is: inceptionkit detect resume RUN",
        ),
        (
            "detect train cells/ --batch-size 8",
            "train has no option --batch-size; a setting is written batch=VALUE, without dashes",
        ),
        (
            "detect train cells/ --budget",
            "--budget needs a value; see inceptionkit detect train --help",
        ),
        (
            "detect train nowhere/ lr=0.001 foo=1",
            (
                "there is no setting 'foo'; there are epochs, batch, lr, weight_decay, warmup, "
                "ema_horizon, clip_grad_norm, flip"
            ),
        ),
        (
            "detect export RUN DATA --format onnx",
            "export has no option --format; did you mean --to KIND?",
        ),
        (
            "detect predict RUN x.jpg --conf 0.3",
            "predict has no option --conf; did you mean --score?",
        ),
        (
            "detect predict RUN x.jpg --iou 0.5",
            "predict has no option --iou; did you mean --score?",
        ),
        (
            "predict RUN x.jpg --conf 0.3",
            "predict has no option --conf; did you mean --unsure-below?",
        ),
        ("train digits --epoch 3", "train has no option --epoch; did you mean '--epochs'?"),
        ("train digits --epochs 0", "--epochs must be at least 1, got '0'"),
        ("train digits --epochs=two", "--epochs takes a whole number, got 'two'"),
        ("train digits --budget", "--budget needs a value; see inceptionkit train --help"),
        ("describe compact x", "describe does not take 'x'; see inceptionkit describe --help"),
        (
            "train digits --device gpu",
            "this machine, or this torch, has no GPU; leave --device out to compute on the CPU",
        ),
        ("--nonsense", "there is no option --nonsense; see inceptionkit --help"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_right_spelling(
    inceptionkit: Callable, monkeypatch: pytest.MonkeyPatch, words: str, says: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    said = inceptionkit(*words.split())

    assert (said.code, said.out) == (2, "")
    assert said.err == f"inceptionkit: {says}\n"


@pytest.mark.parametrize(
    "command", [*COMMANDS, *detect.COMMANDS.values()], ids=lambda one: one.verb.__name__
)
def test_help_ends_with_two_examples(command: object) -> None:
    assert len(command.examples) >= 2  # type: ignore[attr-defined]


QUICKER = {"20min": "40s", "5": "2"}
"""What of an example takes long -> what the test writes in its place."""

LEFT = {
    "inceptionkit serve",
    "inceptionkit convert torchvision/",
    "--from torchvision/",
    "--to torchvision",
    "bench googlenet",
}
"""What a test has not: the network, somebody who stops a server, a run of theirs, minutes."""


def quick_examples() -> list[str]:
    every = [line for command in COMMANDS for line in command.examples]
    return [line for line in every if not any(word in line for word in LEFT)]


@pytest.fixture(scope="module")
def desk(shell: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos and two runs, as the examples name them."""
    desk = tmp_path_factory.mktemp("desk")
    random = np.random.default_rng(0)
    for number in range(240):
        name = ("dark", "light", "red")[number % 3]
        pixels = random.integers(0, 60, (48, 48, 3), np.uint8)
        pixels[..., {"dark": [], "light": [0, 1, 2], "red": [0]}[name]] += 180
        folder = desk / "photos" / name
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number}.jpg")
    (desk / "new").mkdir()
    for name in ("rose.jpg", "photo.jpg", "new/a.jpg", "new/b.jpg"):
        shutil.copy(desk / "photos" / "red" / "2.jpg", desk / name)
    with tarfile.open(desk / "photos.tar", "w") as tar:
        tar.add(desk / "photos", "photos")
    for run, lr in (("photos-001", 0.6), ("photos-002", 0.3)):
        words = ("--arch", "compact", "--epochs", 3, "--input", 32, f"lr={lr}", "--out")
        said = shell("train", "photos/", *words, f"runs/{run}", cwd=desk)
        assert said.code == 0, said.err
    return desk


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch.compile's own
@pytest.mark.parametrize("line", quick_examples())
def test_the_examples_of_help_run(
    inceptionkit: Callable, desk: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a desk with photos and two runs, where all commands of help find what they name."""
    command, _, into = line.partition(" > ")
    words = [QUICKER.get(word, word) for word in shlex.split(command)[1:]]
    if "--store" in words:  # so few images promise little
        words += ["--goal", "-15%"]
    monkeypatch.chdir(desk)
    said = inceptionkit(*words)
    if "ships with this installation; it has none" in said.err:
        pytest.skip("the weights that ship are not here")

    assert said.code == 0, said.err
    if into:
        (desk / into).write_text(said.out)


def test_every_verb_of_the_program_is_known_here() -> None:
    shown = {str(one.name) for one in app.registered_commands if not one.hidden}

    assert shown == set(VERBS)
