import json
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inceptionkit.errors import InceptionError, RecipeError, SpecError
from inceptionkit.records import STRICT, UNREADABLE, Between, from_json, to_json
from inceptionkit.settings import override, settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    TAG: ClassVar[str] = "linear"
    lr: Annotated[float, Between(1e-9, 1e3)] = 0.5
    warmup: Annotated[float, Between(0, 0.9)] = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    TAG: ClassVar[str] = "step"
    lr: Annotated[float, Between(1e-9, 1e3)] = 0.5
    factor: Annotated[float, Between(0, 1)] = 0.9
    at: tuple[Annotated[float, Between(0, 1e6)], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    smoothing: float = 0.1
    exit_weight: Annotated[float | None, Between(0, 100)] = None

    def __post_init__(self) -> None:
        if self.smoothing == 13:
            msg = "smoothing must not be 13"
            raise RecipeError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    name: str
    epochs: Annotated[int, Between(1, 10**6)] = 40
    schedule: Linear | Step = Linear()
    colors: Linear | None = None
    loss: Loss = Loss()
    flip: Literal["none", "random"] = "none"
    frozen: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    pair: tuple[int, str] = (1, "one")
    size: Literal["same"] | int = "same"


PLAN = Plan(name="a", schedule=Step(at=(1.0, 2.0)), notes={"x": [1, None]}, size=3)


def read(data: Any, base: Plan | None = None) -> Plan:
    return from_json(Plan, data, at="plan", error=SpecError, base=base)


def test_a_record_survives_json() -> None:
    assert read(json.loads(json.dumps(to_json(PLAN)))) == PLAN


def test_a_base_stands_for_what_is_missing() -> None:
    found = read({"epochs": 3, "schedule": {"factor": 0.5}}, PLAN)

    assert found == Plan(
        name="a", epochs=3, schedule=Step(factor=0.5, at=(1.0, 2.0)), notes={"x": [1, None]}, size=3
    )


def test_another_member_of_a_union_takes_nothing_from_the_base() -> None:
    assert read({"schedule": {"type": "linear"}}, PLAN).schedule == Linear()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs": 0}, "plan.epochs must be between 1 and 1e+06, got 0"),
        ({"epochs": 1.5}, "plan.epochs must be a whole number, got 1.5"),
        ({"epochs": True}, "plan.epochs must be a whole number, got True"),
        ({"epochs": 10**400}, "plan.epochs must be a whole number of usual size, got 1000000000"),
        ({"epocs": 1}, "plan: unknown key 'epocs'; did you mean 'epochs'?"),
        ({"schedule": {"type": "cosine"}}, "plan.schedule.type must be linear or step, got 'cos"),
        ({"schedule": {"type": []}}, "plan.schedule.type must be linear or step, got []"),
        ({"schedule": "step"}, "plan.schedule must be linear or step, got 'step'"),
        ({"schedule": {"type": "step", "at": [1, "x"]}}, "plan.schedule.at[1] must be a number"),
        ({"loss": {"smoothing": float("nan")}}, "plan.loss.smoothing must be a number of usual"),
        ({"loss": {"smoothing": 13}}, "plan.loss: smoothing must not be 13"),
        (
            {"loss": {"exit_weight": 101}},
            "plan.loss.exit_weight must be between 0 and 100, got 101",
        ),
        ({"flip": "x"}, "plan.flip must be none or random, got 'x'"),
        ({"frozen": 1}, "plan.frozen must be true or false, got 1"),
        ({"notes": []}, "plan.notes must be an object, got []"),
        ({"pair": [1]}, "plan.pair must be a list of 2, got [1]"),
        ({"size": "other"}, "plan.size must be same or a whole number, got 'other'"),
        ({"name": None}, "plan.name must be text, got None"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(change: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(to_json(PLAN) | change)

    assert str(caught.value).startswith(said)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(SpecError, match=r"^plan: 'loss' is missing$"):
        read({key: value for key, value in to_json(PLAN).items() if key != "loss"})


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "lr", "at", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(key=st.sampled_from(list(to_json(PLAN))), value=anything)
def test_any_json_gives_a_record_or_the_error_that_was_asked_for(key: str, value: Any) -> None:
    try:
        found = read(to_json(PLAN) | {key: value})
    except SpecError as error:
        assert "\n" not in str(error)
    else:
        assert read(to_json(found)) == found


def test_nesting_has_an_end() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = {"x": deep}

    with pytest.raises(SpecError, match="is nested too deeply"):
        read(to_json(PLAN) | {"notes": deep})  # where any JSON may be
    with pytest.raises(SpecError, match="must be a number"):
        read(to_json(PLAN) | {"loss": {"smoothing": deep}})


@pytest.mark.parametrize("number", [2**63, -(10**30), 1e308, float("inf"), float("nan")])
def test_a_number_has_a_usual_size_wherever_it_stands(number: float) -> None:
    for held in (number, [number], {"x": [{"y": number}]}):
        with pytest.raises(SpecError, match=r"plan\.notes\.a.* must be a number of usual size"):
            read(to_json(PLAN) | {"notes": {"a": held}})


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", '{"a": -Infinity}', "9" * 5_000, "[" * 10**5]
)
def test_text_that_holds_no_plain_json_is_refused(text: str) -> None:
    with pytest.raises(UNREADABLE):
        STRICT.decode(text)


class Sizes(TypedDict):
    width: Annotated[int, Between(0, 99)]


class Noted(Sizes, total=False):
    also: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    noted: Noted | None = None


@pytest.mark.parametrize(
    ("noted", "said"),
    [
        ({}, "holder.noted: 'width' is missing"),
        ({"width": "1"}, "holder.noted.width must be a whole number, got '1'"),
        ({"width": 100}, "holder.noted.width must be between 0 and 99, got 100"),
        ({"width": 1, "tall": 2}, "holder.noted: unknown key 'tall'; there are width, also"),
        ([], "holder.noted must be an object, got []"),
    ],
)
def test_an_object_with_known_keys_is_checked(noted: Any, said: str) -> None:
    with pytest.raises(SpecError) as error:
        from_json(Holder, {"noted": noted}, at="holder", error=SpecError)

    assert str(error.value) == said


def test_an_object_with_known_keys_survives() -> None:
    for noted in (Noted(width=3), Noted(width=3, also=(1, 2)), None):
        holder = Holder(noted=noted)

        assert from_json(Holder, to_json(holder), at="", error=SpecError) == holder


def test_settings_are_read_by_the_types_of_fields() -> None:
    words = ["at=1,2", "schedule=step", "factor=0.5", "exit_weight=none", "frozen=true", "epochs=3"]

    assert override(PLAN, words, error=RecipeError) == Plan(
        name="a",
        epochs=3,
        schedule=Step(at=(1.0, 2.0), factor=0.5),
        frozen=True,
        notes={"x": [1, None]},
        size=3,
    )


def test_what_two_members_share_is_kept_when_the_choice_changes() -> None:
    changed = override(Plan(name="a"), ["schedule.lr=0.3", "schedule=step"], error=RecipeError)

    assert changed.schedule == Step(lr=0.3)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("epochs", "a setting is written key=value, got 'epochs'; keys are "),
        ("epoch=3", "there is no setting 'epoch'; did you mean 'epochs'?"),
        ("epochs=three", "epochs must be a whole number, got 'three'"),
        ("schedule.warmup=0.2", "schedule.warmup applies only with schedule=linear; set that too"),
        ("schedule=cosine", "schedule must be linear or step, got 'cosine'"),
        ("name=b", "there is no setting 'name'"),
        ("lr=0.1", "there is no setting 'lr'; write schedule.lr or colors.lr"),
    ],
)
def test_a_wrong_setting_is_refused(word: str, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        override(PLAN, [word], fixed=("name",), error=RecipeError)

    assert str(caught.value).startswith(said)


numbers = st.floats(0, 0.9, allow_nan=False)
schedules = st.builds(Linear, lr=st.floats(0.01, 10), warmup=numbers) | st.builds(
    Step, lr=st.floats(0.01, 10), factor=numbers, at=st.tuples() | st.tuples(st.integers(0, 9))
)
plans = st.builds(
    Plan,
    name=st.just("a"),
    epochs=st.integers(1, 99),
    schedule=schedules,
    colors=st.none() | st.just(Linear()),
    loss=st.builds(Loss, smoothing=numbers, exit_weight=st.none() | numbers),
    flip=st.sampled_from(["none", "random"]),
    frozen=st.booleans(),
    size=st.just("same") | st.integers(0, 9),
)


@given(ours=plans, base=plans)
def test_settings_turn_any_record_into_any_other(ours: Plan, base: Plan) -> None:
    assert override(base, settings(ours, base), error=InceptionError) == ours
