"""What a diagram shows, and that its labels can be read."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from inceptionkit.derive.diagram import draw
from inceptionkit.derive.diagram.labels import kind, phrase, width
from inceptionkit.derive.diagram.layout import CELL
from inceptionkit.derive.diagram.palette import DARK, LIGHT
from inceptionkit.derive.diagram.rows import sheet
from inceptionkit.derive.diagram.shapes import Box, Panel, Wire
from inceptionkit.spec import (
    AdaptivePool,
    Conv,
    Dropout,
    Exit,
    GlobalPool,
    Linear,
    LocalNorm,
    Net,
    Op,
    Pool,
    Split,
    named,
)

SVG = "{http://www.w3.org/2000/svg}"
Rectangle = tuple[float, float, float, float]  # left, top, right, bottom


def elements(drawing: str, tag: str) -> list[ET.Element]:
    return list(ET.fromstring(drawing).iter(SVG + tag))  # noqa: S314 our own


def texts(drawing: str) -> list[str]:
    return ["".join(element.itertext()) for element in elements(drawing, "text")]


def extent(text: ET.Element) -> Rectangle:
    """Room of a line of text; letters reach about 0.72 above and 0.21 below the base line."""
    size, x, y = (float(text.attrib[key]) for key in ("font-size", "x", "y"))
    wide = width("".join(text.itertext()), size=size, bold="font-weight" in text.attrib)
    anchor = text.attrib["text-anchor"]
    left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
    if "transform" in text.attrib:  # rotated by a quarter around the middle of the line
        middle = y - 0.36 * size
        return (x - size / 2, middle - wide / 2, x + size / 2, middle + wide / 2)
    return (left, y - 0.72 * size, left + wide, y + 0.21 * size)


def overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def inside(a: Rectangle, b: Rectangle) -> bool:
    return a[0] >= b[0] and a[1] >= b[1] and a[2] <= b[2] and a[3] <= b[3]


def boxes(net: Net, *, paths: bool) -> list[Box]:
    return [s for s in sheet(net, paths=paths).shapes if isinstance(s, Box)]


def around(box: Box) -> Rectangle:
    return (
        box.u - box.du / 2,
        box.v - box.dv / 2,
        box.u + box.du / 2,
        box.v + box.dv / 2,
    )


@pytest.fixture(params=["googlenet", "compact", "inception_v3", "awkward"])
def net(request: pytest.FixtureRequest) -> Net:
    if request.param == "awkward":
        return awkward()
    found: Net = request.getfixturevalue(request.param)
    return found


def awkward() -> Net:
    """Long names, an empty path, a chain, nested splits, exits on neighbors and on one block."""
    head = (GlobalPool(), Conv(1024), Linear(1000, classifier=True))
    fan = Split(named(a=Conv(8), b=Split(named(c=Conv(8, (1, 3)), d=Conv(8, (3, 1))))))
    splits = Split(named(through=(), deep=(Conv(8), fan, Conv(8))))
    trunk = named(
        a_block_whose_name_is_rather_long=Split(named(only=(Conv(8), Conv(8)))),
        mlpconv=(Conv(192, (5, 5)), Conv(160), Conv(96)),
        nested=splits,
        fat=Conv(123456, (11, 11), stride=4),
        shrink=Pool("avg", (2, 2), stride=2),
    )
    exits = tuple(
        Exit(name=f"exit_{i}", after=after, head=head, loss_weight=0.3)
        for i, after in enumerate(("mlpconv", "mlpconv", "nested", "shrink"))
    )
    image = (3, 64, 48)
    return Net(
        name="<awkward> & long", source='"§"', image=image, trunk=trunk, head=head, exits=exits
    )


@pytest.mark.parametrize("paths", [False, True])
def test_no_text_touches_another_or_leaves_the_drawing(net: Net, paths: bool) -> None:
    drawing = draw(net, paths=paths)
    body, key = elements(drawing, "g")
    wide, high = (float(n) for n in elements(drawing, "svg")[0].attrib["viewBox"].split()[2:])

    for group in (body, key):
        x, y = (float(n) for n in re.findall(r"[\d.]+", group.attrib["transform"]))
        rooms = [extent(text) for text in group.iter(SVG + "text")]
        assert rooms
        for i, room in enumerate(rooms):
            assert inside(room, (-x, -y, wide - x, high - y))
            assert not any(overlap(room, other) for other in rooms[:i])


@pytest.mark.parametrize("paths", [False, True])
def test_no_box_touches_another_or_is_crossed_by_a_wire(net: Net, paths: bool) -> None:
    shapes = sheet(net, paths=paths).shapes
    rooms = [around(shape) for shape in shapes if isinstance(shape, Box)]
    ways = [
        (min(a, c), min(b, d), max(a, c), max(b, d))
        for wire in shapes
        if isinstance(wire, Wire)
        for (a, b), (c, d) in zip(wire.points, wire.points[1:], strict=False)
    ]

    for i, room in enumerate(rooms):
        assert not any(overlap(room, other) for other in rooms[:i])
        within = (room[0] + 0.5, room[1] + 0.5, room[2] - 0.5, room[3] - 0.5)
        assert not [way for way in ways if overlap(within, way)]


def test_no_wire_crosses_the_name_of_a_block(net: Net) -> None:
    shapes = sheet(net, paths=True).shapes
    names = [
        (x + 9, y + 4, x + 9 + width(panel.label, bold=True), y + 15)
        for panel in shapes
        if isinstance(panel, Panel) and panel.of == "block"
        for x, y in [panel.start]
    ]
    ways = [
        (min(a, c), min(b, d), max(a, c), max(b, d))
        for wire in shapes
        if isinstance(wire, Wire)
        for (a, b), (c, d) in zip(wire.points, wire.points[1:], strict=False)
    ]

    assert names
    assert not [name for name in names if any(overlap(name, way) for way in ways)]


def test_an_exit_at_the_end_of_a_row_flows_back(googlenet: Net) -> None:
    drawn = boxes(googlenet, paths=True)
    ends = [drawn[i + 5].u - box.u for i, box in enumerate(drawn) if box.kind == "exit"]

    assert [end > 0 for end in ends] == [False, True]  # 4a ends the first row, 4d is amid


def test_every_label_of_a_box_fits_into_it(net: Net) -> None:
    for box in boxes(net, paths=True) + boxes(net, paths=False):
        said = [width(line) for line in box.lines] + [width(box.title, bold=True)]
        room = max(box.du, box.dv) if box.kind == "concat" else box.du

        assert room >= max(said) + 6, box


def test_the_path_view_has_a_box_for_every_operator(inception_v3: Net) -> None:
    drawn = boxes(inception_v3, paths=True)
    kinds = [box.kind for box in drawn]

    assert kinds.count("conv") == 94 + 2  # the reference counts 94 convolutions, 96 with the exit
    assert kinds.count("concat") == 11 + 4  # modules, and the fans of the last two
    assert kinds.count("classifier") == 2
    assert kinds.count("exit") == 1


def test_the_block_view_has_a_box_for_every_block(googlenet: Net) -> None:
    titles = [box.title for box in boxes(googlenet, paths=False) if box.title]

    assert titles == ["image", *with_exits(googlenet)]


def with_exits(net: Net) -> list[str]:
    named_: list[str] = []
    for name, _ in net.trunk:
        named_ += [name]
    exits = {e.after: e.name for e in net.exits}
    # a row's exits are painted after its blocks
    rows = [["conv1", "norm2"], ["pool2", "inception4c"], ["inception4d", "inception5b"]]
    return [
        title
        for first, last in rows
        for part in [named_[named_.index(first) : named_.index(last) + 1]]
        for title in part + [exits[name] for name in part if name in exits]
    ]


def test_the_grids_stand_behind_the_blocks_that_work_on_them(googlenet: Net) -> None:
    stages = [
        shape.label
        for shape in sheet(googlenet, paths=False).shapes
        if isinstance(shape, Panel) and shape.of == "stage"
    ]

    assert list(dict.fromkeys(stages)) == [f"{n}×{n}" for n in (112, 56, 28, 14, 7)]  # noqa: RUF001


def test_widths_and_windows_are_written_as_in_the_papers(googlenet: Net) -> None:
    said = " ".join(texts(draw(googlenet, paths=True)))

    for each in ("3×224×224", "7×7/2 64", "concat · 1024", "max 3×3/2", "dropout 0.4"):  # noqa: RUF001
        assert each in said


@pytest.mark.parametrize(
    ("op", "color", "said"),
    [
        (Conv(64, (1, 7)), "conv", "1×7 · 64"),  # noqa: RUF001
        (Conv(10, classifier=True), "classifier", "1×1 · 10"),  # noqa: RUF001
        (Pool("avg"), "pool", "avg 3×3"),  # noqa: RUF001
        (Conv(24, (7, 7), stride=2, groups="each"), "conv", "7×7/2 each · 24"),  # noqa: RUF001
        (Conv(256, (5, 5), groups=2), "conv", "5×5 in 2 · 256"),  # noqa: RUF001
        (AdaptivePool((4, 4)), "pool", "avg to 4×4"),  # noqa: RUF001
        (GlobalPool(), "pool", "global avg"),
        (LocalNorm(), "norm", "local norm"),
        (Dropout(0.7), "dropout", "dropout 0.7"),
        (Linear(1024), "linear", "linear 1024"),
        (Linear(5, classifier=True), "classifier", "linear 5"),
    ],
)
def test_an_operator_has_its_color_and_its_words(op: Op, color: str, said: str) -> None:
    assert (kind(op), phrase(op)) == (color, said)


def test_an_operator_that_nobody_has_drawn_yet_is_grey_and_named() -> None:
    class Shuffle:
        pass

    assert (kind(Shuffle()), phrase(Shuffle())) == ("other", "shuffle")  # type: ignore[arg-type]


def test_the_miniature_of_a_module_has_a_cell_for_each_operator_of_its_paths(
    googlenet: Net,
) -> None:
    drawing = draw(googlenet)
    cells = [e for e in elements(drawing, "rect") if e.attrib["class"].startswith("c-")]

    assert len(cells) == 9 * 7
    assert {float(cell.attrib["width"]) for cell in cells} == {CELL[0]}


def test_the_legend_names_what_is_drawn_and_nothing_else(inception_v3: Net) -> None:
    key = elements(draw(inception_v3, paths=True), "g")[1]
    said = ["".join(text.itertext()) for text in key.iter(SVG + "text")]

    *kinds, notation = said
    assert kinds == ["convolution", "pool", "concatenation", "dropout", "classifier"]
    assert notation == "height×width/stride · channels that leave"  # noqa: RUF001


def test_a_drawing_is_light_until_the_viewer_asks_for_dark(compact: Net) -> None:
    drawing = draw(compact)
    light, dark = (
        re.sub(r"<style>.*</style>", "", drawing),
        re.findall(r"<style>.*</style>", drawing),
    )

    assert LIGHT.paper in light
    assert DARK.paper not in light
    assert "prefers-color-scheme:dark" in dark[0]
    assert f"fill:{DARK.paper}" in dark[0]


def test_a_drawing_needs_nothing_from_outside_and_says_itself_in_words(googlenet: Net) -> None:
    drawing = draw(googlenet, paths=True)

    assert re.findall(r"https?://[^\"]+", drawing) == ["http://www.w3.org/2000/svg"]
    assert [e.text for e in elements(drawing, "title")] == ["googlenet"]
    description = elements(drawing, "desc")[0].text or ""
    assert "inception3a, inception3b" in description
    assert "exit aux2 after inception4d" in description


def test_names_are_escaped() -> None:
    drawing = draw(awkward())

    assert "&lt;awkward&gt; &amp; long" in drawing
    assert elements(drawing, "title")[0].text == "<awkward> & long"


def test_a_long_network_is_drawn_about_as_wide_as_a_slide(inception_v3: Net) -> None:
    drawing = draw(inception_v3, paths=True)
    svg = elements(drawing, "svg")[0]
    wide, high = float(svg.attrib["width"]), float(svg.attrib["height"])

    assert 1 < wide / high < 3
    assert wide < 2000


def test_a_network_without_exits_or_modules_is_drawn() -> None:
    plain = Net(
        name="plain",
        source="",
        image=(1, 8, 8),
        trunk=named(only=Conv(8)),
        head=Linear(2, classifier=True),
    )
    drawing = draw(replace(plain))

    assert {"only", "linear", "2", "8×8"} <= set(texts(drawing))  # noqa: RUF001
