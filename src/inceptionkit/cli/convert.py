"""Printing `inceptionkit convert`."""

from __future__ import annotations

from inceptionkit.api.convert import ConvertResult, convert
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import print_line, print_text
from inceptionkit.text import quantity, shell_word

_WHENCE = {
    "given": "as given",
    "ImageNet": "ImageNet's",
    "numbered": "their names are not known, give --classes",
}


def _print_converted(result: ConvertResult) -> None:
    """Print what was recognized or written, and what to type next."""
    if result.imported is None:
        _print_network(result, "")
        _print_preprocessing(result)
        print_text(
            "               not stored in the file: apply the same, with transform_input=False"
        )
        if result.exits_left_out:
            print_text(f"left out       {' '.join(result.exits_left_out)}: not torchvision's exits")
        print_line(f"wrote {result.path}")
        print_line(f"next: load_state_dict into torchvision.models.{result.network}")
        return
    imported, classes = result.imported, result.card.classes
    _print_network(result, f" in a {imported.format} file")
    names = ", ".join((*classes[:3], "...", classes[-1])[: len(classes) + 1])
    print_text(f"classes        {len(classes):,}, {_WHENCE[imported.named]}: {names}")
    _print_preprocessing(result)
    if imported.background:
        print_text("background     the first output stood for no class, and was left out")
    if imported.untrained:
        print_text(f"left out       {' '.join(imported.untrained)}: never trained")
    print_line(f"wrote {result.path}")
    print_line(f"next: inceptionkit predict {shell_word(result.path)} IMAGE")


def _print_network(result: ConvertResult, where: str) -> None:
    """Print the architecture and its size."""
    net = result.card.architecture
    from inceptionkit.derive import cost

    net_cost = cost(net)
    exits = " ".join(e.name for e in net.exits)
    print_text(
        f"recognized     {net.name}{where}, "
        + (f"with its exits {exits}" if exits else "without exits")
    )
    more = f", {quantity(net_cost.with_exits.params)} with exits" if exits else ""
    print_line(f"parameters     {quantity(net_cost.without_exits.params)}{more}")


def _print_preprocessing(result: ConvertResult) -> None:
    """Print what happens to an image."""
    how = result.card.preprocessing
    mean, std = (" ".join(f"{v:.4g}" for v in values) for values in (how.mean, how.std))
    print_text(
        f"preprocessing  short side to {how.short_side} px, {how.interpolation}; "
        f"middle {how.size}x{how.size}; mean {mean}, std {std}"
    )


CONVERT = Command(
    convert,
    _print_converted,
    (
        "inceptionkit convert torchvision/googlenet googlenet",
        "inceptionkit convert runs/photos-001 photos.pth --to torchvision",
    ),
    group="Deploy",
)
