"""Write docs/images/badge-*.svg from pyproject.toml: `python docs/write_badges.py`.

What a badge says is read off the project, so that it is true, and needs no server.
"""

import re
import tomllib
from pathlib import Path

DOCS = Path(__file__).parent
EM, HEIGHT = 6.6, 20  # width of a character, height: pixels


def badge(name: str, value: str) -> str:
    """Two words on two colors."""
    left, right = (round(len(text) * EM + 12) for text in (name, value))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{HEIGHT}" \
role="img" aria-label="{name}: {value}">
<rect width="{left + right}" height="{HEIGHT}" rx="3" fill="#2456c4"/>
<path d="M3 0h{left - 3}v{HEIGHT}h-{left - 3}a3 3 0 0 1-3-3v-14a3 3 0 0 1 3-3z" fill="#4a4f59"/>
<g fill="#fff" font-family="Verdana, DejaVu Sans, sans-serif" font-size="11">
<text x="6" y="14" textLength="{left - 12}">{name}</text>
<text x="{left + 6}" y="14" textLength="{right - 12}">{value}</text>
</g>
</svg>
"""


def badges() -> dict[str, str]:
    """File name -> picture."""
    settings = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    project = settings["project"]
    versions = re.findall(r"Python :: (\d\.\d+)", " ".join(project["classifiers"]))
    said = {
        "python": " | ".join(versions),
        "license": project["license"],
        "types": "mypy strict" if settings["tool"]["mypy"]["strict"] else "partly",
    }
    return {f"badge-{name}.svg": badge(name, value) for name, value in said.items()}


if __name__ == "__main__":
    for file, picture in badges().items():
        (DOCS / "images" / file).write_text(picture, encoding="utf-8")
