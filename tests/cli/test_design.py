"""`inceptionkit design`, as a user types it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from inceptionkit.catalog import find
from inceptionkit.cli import main
from inceptionkit.derive import cost
from inceptionkit.derive.design.budget import Timing
from inceptionkit.spec import Net

Out = pytest.CaptureFixture[str]


def formula(net: Net, *, device: str = "cpu") -> Timing:
    """A clock that is a function of the network."""
    ms = 0.1 + 2e-8 * cost(net).without_exits.macs
    how = f"fp32, channels last, {'1 thread' if device == 'cpu' else device}"
    return Timing(median_ms=ms, quartiles_ms=(0.98 * ms, 1.1 * ms), runs=50, how=how)


def test_a_design_is_written_and_can_be_described(
    capfd: Out, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    args = ["--budget", "300MMAC", "--input", "96", "--classes", "20", "--family", "googlenet:bn"]

    assert main(["design", *args]) == 0
    said = capfd.readouterr().out
    net = find("googlenet-bn-300MMAC-96.json")
    assert 0.97 * 300e6 <= cost(net).without_exits.macs <= 300e6
    assert "- takes 298 MMAC of 300MMAC (99.3 %)" in said
    assert "- stem: stride 1 in conv1" in said
    assert said.endswith(
        "wrote googlenet-bn-300MMAC-96.json\n"
        "next: inceptionkit train DATA --arch googlenet-bn-300MMAC-96.json --input 96\n"
    )


def test_machines_read_what_was_asked_and_what_it_takes(capfd: Out, tmp_path: Path) -> None:
    file = tmp_path / "small.json"
    args = ["--budget", "50MMAC", "--budget", "1MiB", "--input", "32", "--out", str(file)]

    assert main(["design", *args, "--json"]) == 0
    read = json.loads(capfd.readouterr().out)
    assert read["file"] == str(file)
    assert (read["family"], read["input"], read["classes"]) == ("inception_small", 32, 10)
    assert [b["quantity"] for b in read["budgets"]] == ["macs", "activation_bytes"]
    assert max(b["share"] for b in read["budgets"]) <= 1
    assert read["macs"] == cost(find(str(file))).without_exits.macs


def test_a_design_can_be_scaled_again(capfd: Out, tmp_path: Path) -> None:
    first, second = (str(tmp_path / name) for name in ("first.json", "second.json"))
    common = ["--input", "64", "--json"]

    assert main(["design", "--budget", "200MMAC", "--out", first, *common]) == 0
    again = ["design", "--budget", "100MMAC", "--family", first, "--out", second, *common]
    assert main(again) == 0
    shares = [
        json.loads(line)["budgets"][0]["share"] for line in capfd.readouterr().out.splitlines()
    ]
    assert len(shares) == 2
    assert all(0.97 <= share <= 1 for share in shares)


def test_a_time_is_measured_and_said_with_its_spread(
    capfd: Out, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inceptionkit.evaluation.latency.latency", formula)
    file = tmp_path / "fast.json"
    args = ["--cost", "3ms", "--input", "64", "--classes", "5", "--device", "cpu"]

    assert main(["design", *args, "--out", str(file)]) == 0
    said = capfd.readouterr().out
    assert said.startswith("measured ")
    assert re.search(r"- takes 2\.[789]\d? ms of 3ms \(9\d\.\d %\)\n", said)
    assert "- measured here: median of 50 runs, quartiles " in said
    assert "fp32, channels last, 1 thread, one image at a time" in said
    assert 2.7 <= formula(find(str(file))).median_ms <= 3


def test_machines_read_the_time_that_was_measured(
    capfd: Out, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inceptionkit.evaluation.latency.latency", formula)
    args = ["--cost", "3ms", "--cost", "2Mparams", "--input", "64", "--device", "cpu", "--json"]

    assert main(["design", *args, "--out", str(tmp_path / "fast.json")]) == 0
    captured = capfd.readouterr()
    read = json.loads(captured.out)
    counted, measured = read["budgets"]
    assert captured.err.startswith("measured ")
    assert (counted["quantity"], measured["quantity"]) == ("params", "ms")
    assert measured["takes"] == read["timing"]["median_ms"] <= measured["most"] == 3
    assert read["timing"].keys() == {"median_ms", "quartiles_ms", "runs", "how"}
    assert max(counted["share"], measured["share"]) >= 0.9


def test_a_device_that_is_not_there_is_refused_before_anything_is_measured(capfd: Out) -> None:
    assert main(["design", "--cost", "3ms", "--input", "64", "--device", "abacus"]) == 2
    assert "there is no device 'abacus'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--cost", "1us", "--input", "32", "--device", "cpu"], "as fast as 1us on this machine"),
        (["--budget", "300MFLOP", "--input", "96"], "a cost must be like 300MMAC"),
        (["--budget", "1kMAC", "--input", "96"], "1kMAC; the smallest possible is "),
        (["--budget", "1MMAC", "--input", "96", "--family", "gogglenet"], "did you mean"),
        (["--budget", "9MMAC", "--input", "32", "--out", "net.txt"], "must end in .json"),
    ],
)
def test_what_cannot_be_designed_is_one_sentence_and_writes_nothing(
    capfd: Out, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("inceptionkit.evaluation.latency.latency", formula)

    assert main(["design", *args]) == 2
    captured = capfd.readouterr()
    assert all(line.startswith("measured ") for line in captured.out.splitlines())
    assert says in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_reading_and_designing_import_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys; from inceptionkit.cli import main; "
        f"main(['design','--budget','50MMAC','--input','32','--out',{str(tmp_path / 'n.json')!r}]);"
        f"main(['describe','googlenet','--rules','--draw',{str(tmp_path / 'n.svg')!r}]);"
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy')))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    assert (tmp_path / "n.svg").exists()
