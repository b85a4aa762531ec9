"""Axes that figures of top-1 against cost share."""

from collections.abc import Collection
from dataclasses import dataclass

from inceptionkit import svg
from inceptionkit.svg import Axes
from inceptionkit.text import percent, whole_percent

HEIGHT = 300  # units
MAC_UNITS = (("GMAC", 1e9), ("MMAC", 1e6), ("kMAC", 1e3), ("MAC", 1))


@dataclass(frozen=True, slots=True)
class CostAxes:
    """Top-1 upwards, the work for one image to the right."""

    frame: Axes
    ticks: list[float]  # of top-1
    unit: str
    unit_macs: float

    def place(self, macs: float, top1: float) -> tuple[float, float]:
        """Where so much work and such a share lie in the drawing."""
        return self.frame.x(macs / self.unit_macs), self.frame.y(top1)

    def drawn(self) -> str:
        """Both axes."""
        say = whole_percent if self.ticks[1] - self.ticks[0] >= 0.01 else percent
        steps = svg.round_steps(0, self.frame.x.high)
        return svg.y_axis(self.frame, self.ticks, say) + svg.x_axis(
            self.frame, steps, f"{self.unit} for one image", "{:g}".format
        )


def cost_axes(shares: Collection[float], most_macs: float) -> CostAxes:
    """Axes with room for all `shares`, and for up to so many MACs."""
    ticks, low, high = svg.round_range(min(shares), max(shares), most=1.0)
    unit, unit_macs = next((u for u in MAC_UNITS if most_macs >= u[1]), MAC_UNITS[-1])
    frame = svg.axes((0, most_macs / unit_macs * 1.08), (low, high), height=HEIGHT, left=58)
    return CostAxes(frame, ticks, unit, unit_macs)
