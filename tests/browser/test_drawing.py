"""Diagrams in a real browser: its fonts decide whether the labels can be read."""

import re
from pathlib import Path

import pytest
from chromium import MARKS, dom

from inceptionkit.catalog import architecture
from inceptionkit.derive.diagram import draw

MEASURE = """
<script>
addEventListener("load", () => {
  const drawing = document.querySelector("svg").getBoundingClientRect();
  const rooms = [...document.querySelectorAll("svg text")].map((text) => {
    const { left, right, top, bottom } = text.getBoundingClientRect();
    return { left, right, top: top + 2, bottom: bottom - 2, said: text.textContent };
  });
  const touching = rooms.flatMap((a, i) => rooms.slice(0, i).filter((b) =>
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
  ).map((b) => a.said + " on " + b.said));
  const outside = rooms.filter((a) =>
    a.left < drawing.left || a.right > drawing.right ||
    a.top < drawing.top || a.bottom > drawing.bottom
  ).map((a) => a.said);
  const boxes = [...document.querySelectorAll("svg rect")].map((r) => r.getBoundingClientRect());
  const wide = rooms.filter((a) => boxes.some((b) =>
    b.left < a.left && a.left < b.right && b.top < a.top && a.bottom < b.bottom &&
    a.right > b.right)).map((a) => a.said);
  document.title = JSON.stringify({ texts: rooms.length, touching, outside, wide });
});
</script>
"""

pytestmark = MARKS


@pytest.mark.slow
def test_labels_keep_apart_and_in_their_boxes(tmp_path: Path) -> None:
    drawing = draw(architecture("googlenet"), paths=True)
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8>{drawing}{MEASURE}", encoding="utf-8")
    measured = re.findall(r"<title>(\{.*?\})</title>", dom(page))
    count = drawing.count("<text ")

    assert measured == [f'{{"texts":{count},"touching":[],"outside":[],"wide":[]}}']
