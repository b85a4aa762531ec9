"""`inceptionkit describe`, as a user types it."""

import json
from pathlib import Path
from typing import Any

import pytest

from inceptionkit.catalog import find
from inceptionkit.cli import main
from inceptionkit.spec import Conv, GlobalPool, Linear, Net, named, to_json

Out = pytest.CaptureFixture[str]


def told(capfd: Out, *args: str) -> dict[str, Any]:
    assert main(["describe", *args, "--json"]) == 0
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found


def refused(capfd: Out, *args: str) -> str:
    assert main(["describe", *args]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    return captured.err


def test_the_promised_keys_are_there_with_the_golden_counts(capfd: Out) -> None:
    net = told(capfd, "googlenet")

    assert (net["params"], net["macs"]) == (6_998_552, 1_582_671_872)
    assert (net["params_with_exits"], net["macs_with_exits"]) == (13_378_280, 1_591_044_096)
    assert net["exits"]["aux1"]["macs_to_here"] == 987_769_856
    assert net["exits"]["aux1"]["saves_at_most"] == pytest.approx(0.3759, abs=1e-4)
    assert {"name", "params", "macs", "out", "activation_bytes", "training_bytes"} <= set(
        net["blocks"][0]
    )


def test_costs_to_each_exit_and_what_it_can_save_are_printed(capfd: Out) -> None:
    assert main(["describe", "googlenet"]) == 0
    lines = capfd.readouterr().out.splitlines()

    row = next(line.split() for line in lines if line.strip().startswith("aux2"))
    assert row[:4] == ["aux2", "inception4d", "3,190,888", "1,294,076,928"]
    assert "saves at most" in "\n".join(lines)
    assert "18.2 %" in " ".join(row)


def test_the_paper_stands_beside_ours_with_the_differences_explained(capfd: Out) -> None:
    assert main(["describe", "googlenet", "--paper"]) == 0
    said = capfd.readouterr().out

    assert "arXiv:1409.4842, table 1" in said
    row = next(line for line in said.splitlines() if "inception (5a)" in line)
    assert row.split()[-7:] == ["1,042,432", "≠", "1072K", "51,079,168", "≠", "54M", "[3]"]
    assert "[1] 2,712 weights and 34.0 M are those of a separable layer" in said
    assert "conv1" not in said  # that table alone


def test_each_reading_has_its_key_beside_the_promised_ones(capfd: Out, tmp_path: Path) -> None:
    drawing = tmp_path / "net.svg"
    net = told(
        capfd, "googlenet", "--paper", "--per-path", "--rules", "--draw", str(drawing), "--paths"
    )

    first = net["paper"]["rows"][0]
    assert first["agrees"] is False
    assert first["differs"] == ["weights", "MACs"]
    assert first["ours"]["weights"] == 9_408
    assert first["printed"]["weights"] == "2.7K"
    assert len(net["paths"]) == 9 * 4
    assert {"rule", "at", "says", "reason", "source"} == set(net["rules"][0])
    assert net["drawing"] == str(drawing)
    assert drawing.read_text(encoding="utf-8").startswith("<svg ")
    assert "params" in net


def test_shares_of_the_paths_are_printed(capfd: Out) -> None:
    assert main(["describe", "googlenet", "--per-path"]) == 0
    lines = [line.split() for line in capfd.readouterr().out.splitlines()]

    assert ["inception3a", "p5", "32x28x28", "15,920", "9.7", "%"] in [line[:6] for line in lines]


def test_the_rules_are_printed_with_reason_and_source(capfd: Out) -> None:
    assert main(["describe", "googlenet", "--rules"]) == 0
    said = capfd.readouterr().out

    assert "strided pool alone: pooling first makes a bottleneck" in said
    assert "(arXiv:1512.00567 section 5)" in said
    assert "  trunk.pool3  keeps 25 %" in said


def test_an_architecture_file_is_described_like_one_of_the_catalog(
    capfd: Out, tmp_path: Path
) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(to_json(find("googlenet"))))

    assert told(capfd, str(file)) == told(capfd, "googlenet")
    assert told(capfd, str(file), "--classes", "5", "--input", "128")["classes"] == 5


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is no architecture file (JSONDecodeError)"),
        ("[" * 100_000, "is no architecture file (RecursionError)"),
        ("[]", "architecture must be an object"),
        ("[" * 101 + "]" * 101, "architecture must be an object"),
        ('{"name": "x"}', "architecture: 'source' is missing"),
        ("\udc80\udc81", "is no architecture file (UnicodeDecodeError)"),
    ],
)
def test_a_file_that_is_no_architecture_is_refused(
    capfd: Out, tmp_path: Path, content: str, says: str
) -> None:
    file = tmp_path / "broken.json"
    file.write_bytes(content.encode(errors="surrogateescape"))

    said = refused(capfd, str(file))
    assert said.startswith(f"inceptionkit: {file}: ")
    assert says in said
    assert said.count("\n") == 1


def test_a_file_that_is_not_there_is_said(capfd: Out, tmp_path: Path) -> None:
    said = refused(capfd, str(tmp_path / "no.json"))

    assert "cannot be read (No such file or directory)" in said
    assert "`inceptionkit design` writes such files" in said


def test_a_drawing_that_is_there_is_kept(capfd: Out, tmp_path: Path) -> None:
    drawing = tmp_path / "net.svg"
    drawing.write_text("mine")
    said = refused(capfd, "compact", "--draw", str(drawing))

    assert "net.svg: is there already; delete it, or choose another --draw" in said
    assert drawing.read_text() == "mine"


def test_a_folder_that_is_not_there_cannot_be_drawn_into(capfd: Out, tmp_path: Path) -> None:
    said = refused(capfd, "compact", "--draw", str(tmp_path / "no" / "x.svg"))

    assert "cannot be written" in said


def test_a_network_without_a_paper_says_so(capfd: Out) -> None:
    assert "no paper's table is kept for 'compact'" in refused(capfd, "compact", "--paper")


def test_a_paper_is_compared_at_its_own_input(capfd: Out) -> None:
    said = refused(capfd, "googlenet", "--paper", "--input", "128")

    assert "the paper's table is for 224x224 pixels; leave out --input" in said


@pytest.mark.parametrize(
    ("args", "row", "why"),
    [
        (
            ["bn_inception"],
            "inception (4c)",
            "the printed projection of 128 makes the module 608",
        ),
        (
            ["bn_inception:608"],
            "inception (4c)",
            "bn_inception:608 is MXNet's: 4c and 4d 608 wide",
        ),
        (["inception_v3"], "5 x inception", "the released network has four modules here"),
        (
            ["googlenet:torchvision"],
            "inception (4a)",
            "googlenet:torchvision is torchvision's: ",
        ),
        (["googlenet", "--classes", "10"], "linear", "other classes or widths than the paper's"),
    ],
)
def test_every_row_that_differs_says_why(capfd: Out, args: list[str], row: str, why: str) -> None:
    assert main(["describe", *args, "--paper"]) == 0
    lines = capfd.readouterr().out.splitlines()
    mark = next(line for line in lines if line.strip().startswith(row)).split()[-1]

    assert next(line for line in lines if line.startswith(mark)).startswith(f"{mark} {why}")


def test_how_to_draw_needs_where_to_draw(capfd: Out) -> None:
    assert "--paths only applies with --draw FILE.svg" in refused(capfd, "googlenet", "--paths")


def test_a_network_without_a_classifier_is_refused(capfd: Out, tmp_path: Path) -> None:
    net = Net(
        name="mine",
        source="the tests",
        image=(3, 16, 16),
        trunk=named(conv1=Conv(8)),
        head=(GlobalPool(), Linear(10)),
    )
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(to_json(net)))

    assert "mine: no operator is marked as its classifier" in refused(capfd, str(path))


def test_the_network_is_written_as_train_takes_it(capfd: Out, tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    asked = ("googlenet:bn", "--classes", "5", "--input-size", "96")

    assert told(capfd, *asked, "--out", str(path))["file"] == str(path)
    assert find(str(path)) == find("googlenet:bn", classes=5, side=96)


def test_one_path_of_a_module_is_one_line_to_edit(capfd: Out, tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    told(capfd, "googlenet:bn", "--out", str(path))
    line = '["p5", [{"type": "conv", "out": 16}, {"type": "conv", "out": 32, "kernel": [5, 5]}]]'
    text = path.read_text()

    assert text.count(line) == 1  # inception3a
    path.write_text(text.replace(line, line.replace("[5, 5]", "[3, 3]")))
    before, after = told(capfd, "googlenet:bn"), told(capfd, str(path))
    assert before["params"] - after["params"] == 16 * 32 * (25 - 9)


def test_an_edited_network_is_not_overwritten(capfd: Out, tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text("mine")

    assert "is there already; choose another --out" in refused(capfd, "compact", "--out", str(path))
    assert "must end in .json" in refused(capfd, "compact", "--out", str(tmp_path / "net.txt"))
    assert path.read_text() == "mine"
