"""A network as JSON: every damage is refused with its place."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inceptionkit import architecture
from inceptionkit.catalog import sentences
from inceptionkit.errors import SpecError
from inceptionkit.spec import from_json, to_json, to_text

GOOD = json.loads(json.dumps(to_json(architecture("googlenet"))))


def at(data: Any, *path: Any) -> Any:
    for key in path:
        data = data[key]
    return data


OPERATORS = (
    "conv or pool or adaptive_pool or local_norm or global_pool or dropout or linear or split"
)
PADDINGS = "same or valid or tensorflow or a whole number"


@pytest.mark.parametrize("name", ["googlenet", "googlenet:bn", "compact"])
def test_the_catalog_survives_json(name: str) -> None:
    net = architecture(name)

    assert from_json(json.loads(json.dumps(to_json(net)))) == net


@pytest.mark.parametrize("name", sentences())
def test_the_text_for_people_is_the_same_network(name: str) -> None:
    net = architecture(name)

    assert from_json(json.loads(to_text(net))) == net


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ((), [], "architecture must be an object, got []"),
        (("name",), 3, "architecture.name must be text, got 3"),
        (("image",), [3, 224], "architecture.image must be a list of 3, got [3, 224]"),
        (("image", 1), 224.5, "architecture.image[1] must be a whole number, got 224.5"),
        (("trunk",), {}, "architecture.trunk must be a list, got {}"),
        (("trunk", 0), "conv1", "architecture.trunk[0] must be a list, got 'conv1'"),
        (
            ("trunk", 0, 1, "type"),
            "konv",
            "architecture.trunk.conv1.type must be " + OPERATORS + ", got 'konv'",
        ),
        (
            ("trunk", 0, 1, "out"),
            "64",
            "architecture.trunk.conv1.out must be a whole number, got '64'",
        ),
        (
            ("trunk", 0, 1, "bias"),
            1,
            "architecture.trunk.conv1.bias must be true or false, got 1",
        ),
        (
            ("trunk", 0, 1, "out"),
            0,
            "architecture.trunk.conv1: Conv: out must be at least 1, got 0",
        ),
        (
            ("trunk", 0, 1, "padding"),
            "full",
            "architecture.trunk.conv1.padding must be " + PADDINGS + ", got 'full'",
        ),
        (("trunk", 0, 1, "norm"), {"epsilon": 1}, None),
        (
            ("trunk", 0, 1, "kernal"),
            [3, 3],
            "architecture.trunk.conv1: unknown key 'kernal'; did you mean 'kernel'?",
        ),
        (
            ("head",),
            None,
            "architecture.head must be " + OPERATORS + " or a list, got None",
        ),
        (
            ("exits", 0, "loss_weight"),
            "x",
            "architecture.exits.aux1.loss_weight must be a number, got 'x'",
        ),
        (
            ("exits", 1, "after"),
            "inception4f",
            (
                "architecture: googlenet: exit 'aux2' hangs after 'inception4f', which is no block "
                "of the trunk; did you mean 'inception4e'?"
            ),
        ),
        (("color",), "red", None),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    path: tuple[Any, ...], value: Any, said: str | None
) -> None:
    data = copy.deepcopy(GOOD)
    if path:
        at(data, *path[:-1])[path[-1]] = value
    else:
        data = value
    with pytest.raises(SpecError) as caught:
        from_json(data)

    assert said is None or str(caught.value) == said


@pytest.mark.parametrize("key", ["name", "source", "image", "trunk", "head", "exits"])
def test_a_missing_key_is_named(key: str) -> None:
    data = {k: v for k, v in GOOD.items() if k != key}
    with pytest.raises(SpecError) as caught:
        from_json(data)

    assert str(caught.value) == f"architecture: {key!r} is missing"


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "paths", "out", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(data: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = (
        data.keys() if isinstance(data, dict) else range(len(data) if isinstance(data, list) else 0)
    )
    return [here, *(place for key in keys for place in places(data[key], (*here, key)))]


PLACES = places(GOOD)[1:]


@settings(max_examples=150, deadline=None)
@given(place=st.sampled_from(PLACES), value=anything)
def test_no_damage_gives_anything_but_a_network_or_a_spec_error(
    place: tuple[Any, ...], value: Any
) -> None:
    data = copy.deepcopy(GOOD)
    at(data, *place[:-1])[place[-1]] = value
    try:
        net = from_json(data)
    except SpecError as error:
        assert "\n" not in str(error)
        return
    assert from_json(to_json(net)) == net
