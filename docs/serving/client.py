"""Name what is on images, by a model on OpenVINO Model Server or Triton.

python client.py http://localhost:8000 models/flowers photo.jpg...

Needs numpy and Pillow. `models/flowers` is the folder of the exported model: its `model.json` says
how images are prepared and what the classes are called.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import numpy as np
from PIL import Image, ImageOps

JSON_BYTES = "Inference-Header-Content-Length"  # of the request; the pixels follow


def fit(image: Image.Image, how: dict[str, Any]) -> Image.Image:
    """Resize the short side and cut out the middle, in one step."""
    size, short_side = how["size"], max(how["size"], round(how["size"] / how["crop"]))
    width, height = image.size
    wide, tall = (round(side * short_side / min(width, height)) for side in image.size)
    left, top = (wide - size) // 2, (tall - size) // 2
    box = (
        left * width / wide,
        top * height / tall,
        min((left + size) * width / wide, width),
        min((top + size) * height / tall, height),
    )
    return image.resize((size, size), Image.Resampling[how["interpolation"].upper()], box)


def probabilities(address: str, name: str, pixels: np.ndarray) -> list[float]:
    """Ask the server, in the protocol that both speak: a JSON object, then the pixels."""
    tensor = {
        "name": "image",
        "datatype": "UINT8",
        "shape": [1, *pixels.shape],
        "parameters": {"binary_data_size": pixels.nbytes},
    }
    asked = json.dumps({"inputs": [tensor]}).encode()
    headers = {JSON_BYTES: str(len(asked)), "Content-Type": "application/octet-stream"}
    place = f"{address}/v2/models/{quote(name)}/infer"
    request = Request(place, asked + pixels.tobytes(), headers)  # noqa: S310 - as below
    with urlopen(request) as answer:  # noqa: S310 - whoever starts it gives the address
        (found,) = json.load(answer)["outputs"]
    return found["data"]


def main() -> None:
    """Print a line for each image."""
    address, folder, *paths = sys.argv[1:]
    model = Path(folder)
    card = json.loads((model / "model.json").read_bytes())
    for path in paths:
        image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        if card["exported"]["resize"] is None:
            image = fit(image, card["preprocessing"])
        found = probabilities(address, model.resolve().name, np.asarray(image))
        best = int(np.argmax(found))
        print(f"{path}  {card['classes'][best]}  {found[best]:.1%}")


if __name__ == "__main__":
    main()
