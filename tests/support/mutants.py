"""Image files, manifests and archives, and what bad disks, programs and people make of them."""

import io
import json
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

Random = np.random.Generator


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def specimens() -> dict[str, bytes]:
    """One whole file of each kind that people have; a name's end is what it should be called."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 31, 3), np.uint8)
    photo = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [photo, photo.rotate(90), photo.rotate(180)]
    more = {"save_all": True, "append_images": frames[1:]}
    deep = Image.fromarray((pixels[:, :, 0].astype(np.uint16)) * 257)
    clear = photo.convert("RGBA")
    clear.putalpha(photo.convert("L"))
    return {
        "baseline.jpg": encoded(photo, "JPEG", exif=exif),
        "progressive.jpg": encoded(photo, "JPEG", progressive=True),
        "grey.jpg": encoded(photo.convert("L"), "JPEG"),
        "cmyk.jpg": encoded(photo.convert("CMYK"), "JPEG"),
        "plain.png": encoded(photo, "PNG", exif=exif),
        "palette.png": encoded(photo.convert("P"), "PNG", transparency=3),
        "palettes-alpha.png": encoded(photo.convert("P"), "PNG", transparency=bytes(range(256))),
        "deep.png": encoded(deep, "PNG"),
        "bits.png": encoded(photo.convert("1"), "PNG"),
        "clear.png": encoded(clear, "PNG"),
        "animated.gif": encoded(frames[0], "GIF", **more),
        "still.gif": encoded(photo, "GIF"),
        "plain.bmp": encoded(photo, "BMP"),
        "palette.bmp": encoded(photo.convert("P"), "BMP"),
        "plain.tiff": encoded(photo, "TIFF"),
        "packed.tif": encoded(photo, "TIFF", compression="tiff_lzw"),
        "deflated.tif": encoded(deep, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg.tif": encoded(photo, "TIFF", compression="jpeg"),
        "pages.tif": encoded(frames[0], "TIFF", **more),
        "lossy.webp": encoded(photo, "WEBP", exif=exif),
        "exact.webp": encoded(clear, "WEBP", lossless=True),
        "animated.webp": encoded(frames[0], "WEBP", **more),
        "plain.avif": encoded(photo, "AVIF"),
        "plain.ppm": encoded(photo, "PPM"),
        "pixel.png": encoded(Image.new("RGB", (1, 1)), "PNG"),
        "pixel.jpg": encoded(Image.new("L", (1, 1)), "JPEG"),
        "wide.png": encoded(Image.new("L", (30_000, 2)), "PNG"),
        "tall.jpg": encoded(Image.new("RGB", (3, 30_000)), "JPEG"),
    }


def truncated(data: bytes, random: Random) -> bytes:
    return data[: random.integers(0, len(data))]


def flipped(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for place in random.integers(0, len(data), int(random.choice([1, 8, 64]))):
        changed[place] ^= 1 << random.integers(0, 8)
    return bytes(changed)


LIES = [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\0\xff"]


def lying(data: bytes, random: Random) -> bytes:
    """The first bytes hold sizes and counts: make some enormous, zero or negative."""
    changed = bytearray(data)
    place = int(random.integers(0, min(len(data), 200)))
    changed[place : place + 4] = random.choice(LIES)
    return bytes(changed)


def lying_at_the_end(data: bytes, random: Random) -> bytes:
    """The last bytes hold a directory, a footer or metadata: likewise."""
    changed = bytearray(data)
    place = int(random.integers(max(0, len(data) - 800), len(data)))
    changed[place : place + 4] = random.choice(LIES)
    return bytes(changed)


def blanked(data: bytes, random: Random) -> bytes:
    first, last = sorted(random.integers(0, len(data) + 1, 2))
    return data[:first] + bytes(last - first) + data[last:]


def spliced(data: bytes, random: Random) -> bytes:
    first, last = sorted(random.integers(0, len(data) + 1, 2))
    return data[:last] + data[first:]


def padded(data: bytes, random: Random) -> bytes:
    return data + random.bytes(int(random.integers(1, 5_000)))


MUTATIONS: tuple[Callable[[bytes, Random], bytes], ...] = (
    truncated,
    flipped,
    lying,
    lying_at_the_end,
    blanked,
    spliced,
    padded,
)


def mutants(
    count: int, whole: Mapping[str, bytes], *, misnamed: bool = True
) -> Iterator[tuple[str, bytes]]:
    """So many damaged files: name and content. Every third may end like another kind."""
    random, names = np.random.default_rng(7), list(whole)
    for number in range(count):
        name = names[number % len(names)]
        mutate = MUTATIONS[number // len(names) % len(MUTATIONS)]
        other = misnamed and number % 3 == 2
        ending = Path(names[random.integers(len(names))] if other else name).suffix
        content = mutate(whole[name], random)
        yield f"{number:04}-{mutate.__name__}-{Path(name).stem}{ending}", content


def png_claiming(width: int, height: int, rows: int) -> bytes:
    """A PNG whose header claims a size and whose pixels inflate to so many rows of zeros."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    top = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes((3 * width + 1) * rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", top) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def oddities() -> dict[str, bytes]:
    """Files that no random damage makes."""
    return {
        "empty.jpg": b"",
        "text.png": b"no image at all\n" * 50,
        "page.jpg": b"<!DOCTYPE html><title>404</title>",
        "bomb.png": png_claiming(60_000, 60_000, 10),
        "short.png": png_claiming(4_000, 2_000, 3),
        "more.png": png_claiming(40, 2, 20_000),
        "flat.png": png_claiming(2_000_000, 1, 1),
        "script.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "vector.png": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        "metadata.webp": b"RIFF\xff\xff\xff\xffWEBPVP8X" + bytes(30),
        "nested.gif": b"GIF89a" + b"\xff" * 2_000,
    }


def put_links(folder: Path) -> list[str]:
    """Links that lead nowhere, to themselves, upwards, and in a circle; a pipe."""
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "self.jpg").symlink_to("self.jpg")
    (folder / "up").symlink_to(folder.parent)
    (folder / "one").symlink_to("two")
    (folder / "two").symlink_to("one")
    os.mkfifo(folder / "pipe.jpg")
    return ["gone.jpg", "self.jpg", "pipe.jpg"]


def containers(whole: Mapping[str, bytes]) -> dict[str, bytes]:
    """Manifests and archives, whole, that hold or name a few images."""
    files = {f"{klass}/{name}": whole[name] for klass in "ab" for name in ("plain.png", "grey.jpg")}
    rows = [f"{name},{name[0]},train" for name in files]
    lines = [json.dumps({"path": name, "label": name[0]}) for name in files]
    plain, shard, packed = io.BytesIO(), io.BytesIO(), io.BytesIO()
    pairs = {
        f"{n}.{e}": c for n in range(4) for e, c in (("png", whole["plain.png"]), ("cls", b"1"))
    }
    for stream, mode, held in ((plain, "w", files), (packed, "w:gz", files), (shard, "w", pairs)):
        with tarfile.open(fileobj=stream, mode=mode) as opened:
            for name, content in held.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                opened.addfile(member, io.BytesIO(content))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return {
        "table.csv": "\r\n".join(["\ufeffpath,label,split", *rows, rows[0], "no,a,train"]).encode(),
        "table.jsonl": "\n".join(lines).encode(),
        "folders.tar": plain.getvalue(),
        "folders.tgz": packed.getvalue(),
        "shard.tar": shard.getvalue(),
        "folders.zip": archive.getvalue(),
    }


def parquet(whole: Mapping[str, bytes]) -> bytes:
    """A Parquet file of a few images."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = [{"bytes": whole[name], "path": name} for name in ("plain.png", "grey.jpg")] * 3
    stream = io.BytesIO()
    pq.write_table(pa.table({"image": images, "label": [0, 1] * 3}), stream, row_group_size=2)
    return stream.getvalue()
