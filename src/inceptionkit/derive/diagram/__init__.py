"""A diagram of any network, as SVG: a box for each block, or for each operator of each path."""

from __future__ import annotations

from inceptionkit.derive.cost import NetCost, cost
from inceptionkit.derive.diagram.labels import width
from inceptionkit.derive.diagram.palette import LIGHT, darkened
from inceptionkit.derive.diagram.render import draw_shape, rectangle, swatch, text
from inceptionkit.derive.diagram.rows import Sheet, sheet
from inceptionkit.derive.diagram.shapes import Box, Kind
from inceptionkit.spec import Net
from inceptionkit.svg import escape, number
from inceptionkit.text import quantity

MARGIN = 22.0
HEAD = 56.0  # room for the title and the line below it
FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"
NAMES: tuple[tuple[Kind, str], ...] = (
    ("conv", "convolution"),
    ("pool", "pool"),
    ("norm", "norm"),
    ("concat", "concatenation"),
    ("linear", "linear"),
    ("dropout", "dropout"),
    ("classifier", "classifier"),
    ("other", "other"),
)

NOTATION = "height×width/stride · channels that leave"  # noqa: RUF001 - the sign is meant


def draw(net: Net, *, paths: bool = False) -> str:
    """Draw `net`: light, and dark where the viewer prefers that.

    Args:
        net: any network.
        paths: a box for each operator, parallel paths side by side, instead of one for each block.

    Returns:
        An SVG document; it needs nothing else.
    """
    laid = sheet(net, paths=paths)
    inner = laid.size
    net_cost = cost(net)
    title = subtitle(net_cost)
    keys = legend(laid)
    wide = max(inner[0], width(title, size=12), width(net.name, size=18, bold=True)) + 2 * MARGIN
    key, key_height = draw_legend(keys, wide - 2 * MARGIN)
    high = HEAD + inner[1] + key_height + 2 * MARGIN + 8
    shapes = "".join(draw_shape(shape) for shape in laid.shapes)
    left = (wide - inner[0]) / 2
    body = (
        rectangle(0, 0, wide, high, of="paper", fill=LIGHT.paper, stroke="", round_=0)
        + text(MARGIN, MARGIN + 8, net.name, anchor="start", weight=700, size=18)
        + text(MARGIN, MARGIN + 29, title, anchor="start", size=12, of="faint")
        + f'<g transform="translate({number(left)} {number(MARGIN + HEAD - 8)})">{shapes}</g>'
        + f'<g transform="translate({number(MARGIN)} {number(high - MARGIN - key_height + 12)})">'
        + f"{key}</g>"
    )
    size = f"{number(wide)} {number(high)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{number(wide)}" '
        f'height="{number(high)}" font-family="{FONT}" stroke-width="1.2" role="img">'
        f"<title>{escape(net.name)}</title><desc>{escape(description(net_cost))}</desc>"
        f"{darkened()}{body}</svg>\n"
    )


def subtitle(net_cost: NetCost) -> str:
    """What the network is and costs, on a line."""
    net, answer = net_cost.net, net_cost.without_exits
    return (
        f"{net.image[1]}×{net.image[2]} pixels, {quantity(answer.params)} parameters, "  # noqa: RUF001
        f"{quantity(answer.macs, 'MAC')}   ·   {net.source}"
    )


def description(net_cost: NetCost) -> str:
    """The diagram in words."""
    blocks = ", ".join(line.at for line in net_cost.blocks)
    exits = "; ".join(f"exit {row.exit.name} after {row.exit.after}" for row in net_cost.exits)
    return f"The trunk in order: {blocks}." + (f" {exits}." if exits else "")


def legend(laid: Sheet) -> list[tuple[Kind, str]]:
    """The kinds of operators that the drawing shows."""
    boxes = [shape for shape in laid.shapes if isinstance(shape, Box)]
    shown = {box.kind for box in boxes} | {k for box in boxes for row in box.strip for k in row}
    return [(kind, name) for kind, name in NAMES if kind in shown]


def draw_legend(keys: list[tuple[Kind, str]], room: float) -> tuple[str, float]:
    """Squares and their names, in as many lines as they need; and their height."""
    parts: list[str] = []
    x, y = 0.0, 0.0
    for kind, name in keys:
        needs = 18 + width(name) + 20
        if x and x + needs - 20 > room:
            x, y = 0.0, y + 20
        parts.append(swatch(kind, x + 1, y))
        parts.append(text(x + 18, y, name, anchor="start", of="faint"))
        x += needs
    if x and x + width(NOTATION) > room:
        x, y = 0.0, y + 20
    parts.append(text(x, y, NOTATION, anchor="start", of="faint"))
    return "".join(parts), y + 24


__all__ = ["draw"]
