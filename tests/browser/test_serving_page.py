"""The page of the server, driven as a person does: in Debian's Chromium, by Playwright."""

import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from chromium import CHROMIUM, OPTIONS
from served import png, serving

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
Answers = dict[str, Callable[..., None]]  # of paths, in place of the server's
TOKEN = "of-at-least-16-characters"  # noqa: S105 - of the server of the tests
REFUSED = tuple(f"status of {status}" for status in (400, 401, 422, 429))  # the console names them
QUIET = [option for option in OPTIONS if not option.startswith(("--headless", "--virtual-time"))]


@pytest.fixture(scope="module")
def address(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a model that says how good it is and what it was trained on."""
    folder = Path(shutil.copytree(tiny_model, tmp_path_factory.mktemp("models") / "tiny"))
    card = json.loads((folder / "model.json").read_text())
    card["metrics"] = {"top1": 0.9, "images": 200}
    card["origin"] = {"data": "/home/somebody/private/flowers/"}
    (folder / "model.json").write_text(json.dumps(card))
    with serving(tmp_path_factory.mktemp("log"), str(folder)) as (found, _):
        yield found


@pytest.fixture(scope="module")
def guarded(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that asks for a token and takes two images at once."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "token").write_text(TOKEN)
    words = ("--token-file", str(folder / "token"), "--images", "2")
    with serving(folder, str(tiny_model), *words) as (found, _):
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield made
        made.close()


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    places = [tmp_path / name for name in ("=first.png", "second.png", "third.png")]
    for seed, place in enumerate(places):
        place.write_bytes(png(seed))
    return [str(place) for place in places]


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens the page; what it prints on the console, or asks of others, fails the test."""
    wrong: list[str] = []
    contexts = []

    def open_page(at: str = address, answers: Answers | None = None, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text))  # a refusal is one, too
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith((at, "blob:", "data:")) else wrong.append(asked.url)
            ),
        )
        for path, answer in (answers or {}).items():
            page.route(f"**/{path}", answer)
        page.goto(at)
        page.locator("#card dd, #status:not(:empty)").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [one for one in wrong if not any(words in one for words in REFUSED)] == []


def choose(page: Any, images: list[str]) -> None:
    page.set_input_files("#files", images)
    page.get_by_text("Done").wait_for()
    page.locator(".exit").nth(2).wait_for()


def images_of(route: Any) -> int:
    return int(route.request.post_data_buffer.count(b'filename="'))


def answer(page: Any, late: Any) -> None:
    """Lets a request that waits reach the server, and the page do with the answer what it does."""
    page.evaluate(
        """() => {
            delete document.body.dataset.answered;
            const plain = Response.prototype.json;
            Response.prototype.json = async function () {
                const body = await plain.call(this);
                setTimeout(() => { document.body.dataset.answered = "yes"; });
                return body;
            };
        }"""
    )
    late.continue_()
    page.locator("body[data-answered]").wait_for()


def test_one_image_shows_every_exit_and_what_it_cost(
    opened: Callable[..., Any], images: list[str]
) -> None:
    page = opened()
    choose(page, images[1:2])

    heads = page.locator(".exit h3").all_inner_texts()
    assert [head.split("\n")[0].split(" answered")[0] for head in heads] == [
        "Exit first", "Exit second", "Main classifier",
    ]  # fmt: skip
    assert all(" ms" in head for head in heads)
    assert page.locator(".exit.answered").count() == 1
    assert page.locator(".exit").first.locator("meter").count() == 5
    assert not page.locator("#many").is_visible()


def test_the_word_exit_is_not_said_twice(opened: Callable[..., Any], images: list[str]) -> None:
    top = [{"label": "7", "probability": 0.9}]
    found = {"label": "7", "probability": 0.9, "exit": "exit1", "ms": 1, "top": top, "exits": []}
    page = opened(answers={"v1/predict": lambda route: route.fulfill(json={"answers": [found]})})
    page.set_input_files("#files", images[:1])

    page.locator(".exit h3 b").wait_for()
    assert page.locator(".exit h3 b").inner_text() == "Exit 1"


def test_the_card_shows_accuracy_size_and_speed_but_no_private_path(
    opened: Callable[..., Any],
) -> None:
    page = opened()
    names = page.locator("#card dt").all_inner_texts()
    shown = dict(zip(names, page.locator("#card dd").all_inner_texts(), strict=True))

    assert shown["Name"] == "tiny, version 1"
    assert shown["Classes"] == "10: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    interval = "(85.1 % to 93.4 %)"  # Wilson's, of 180 in 200
    assert shown["Accuracy"] == f"90.0 % {interval} on 200 images it was not trained on"
    assert shown["Trained on"] == "flowers"
    assert re.fullmatch(r".+, 16 x 16 px", shown["Network"])
    assert re.fullmatch(
        r"[\d,]+ parameters, 0\.\d*[1-9] million multiplications an image", shown["Size"]
    )
    assert re.fullmatch(r"[\d.]+ ms an image", shown["Speed here"])
    assert "somebody" not in page.request.get(page.url + "v1/models").text()


def test_the_heat_map_fades_and_covers_what_the_network_sees(
    opened: Callable[..., Any], images: list[str]
) -> None:
    page = opened()
    choose(page, images[1:2])
    page.get_by_role("button", name="Show where the model looks").click()
    page.locator("#slider").wait_for()
    page.locator("#slider").fill("20")
    square, heat = (page.locator(name).bounding_box() for name in ("#shown", "#heat"))

    assert page.locator("#heat").evaluate("one => one.style.opacity") == "0.2"
    assert page.locator("#heat").evaluate("one => one.naturalWidth") == 224
    for corner, side in (("x", "width"), ("y", "height")):  # the model crops 0.8 of the square
        assert heat[side] == pytest.approx(0.8 * square[side])
        assert heat[corner] - square[corner] == pytest.approx(0.1 * square[side])


def test_a_late_heat_map_is_not_laid_over_another_image(
    opened: Callable[..., Any], images: list[str]
) -> None:
    waiting: list[Any] = []

    def late(route: Any) -> None:
        if b'name="explain"' in route.request.post_data_buffer:
            waiting.append(route)
        else:
            route.continue_()

    page = opened(answers={"v1/predict": late})
    choose(page, images)
    explain = page.get_by_role("button", name="Show where the model looks")
    with page.expect_request("**/v1/predict"):
        explain.click()
    page.get_by_role("button", name="third.png").click()
    page.locator("#caption", has_text="third.png").wait_for()
    page.locator(".exit").nth(2).wait_for()
    answer(page, waiting.pop())
    assert page.locator("#status").inner_text() == ""
    assert not page.locator("#heat").is_visible()

    page.get_by_role("button", name="=first.png").click()
    explain.click()  # it is kept
    page.locator("#heat").wait_for()
    page.get_by_label("Full").check()  # other maps may be due
    page.get_by_text("Done: 3 images.").wait_for()
    with page.expect_request("**/v1/predict"):
        explain.click()
    page.get_by_label("Fast").check()
    page.get_by_text("Done: 3 images.").wait_for()
    answer(page, waiting.pop())
    assert not page.locator("#heat").is_visible()


def test_late_exits_are_not_shown_for_other_images(
    opened: Callable[..., Any], images: list[str]
) -> None:
    waiting: list[Any] = []

    def late(route: Any) -> None:
        every = b'name="exits"\r\n\r\ntrue' in route.request.post_data_buffer
        if every and not waiting:
            waiting.append(route)
        else:
            route.continue_()

    page = opened(answers={"v1/predict": late})
    page.set_input_files("#files", images[:1])
    page.locator("#caption", has_text="=first.png").wait_for()
    page.locator(".exit").wait_for()
    choose(page, images[1:2])
    page.evaluate("() => { $('exits').replaceChildren(); }")
    answer(page, waiting[0])

    assert page.locator(".exit").count() == 0


def test_many_images_become_a_table_and_a_csv_without_formulas(
    opened: Callable[..., Any], images: list[str]
) -> None:
    page = opened()
    choose(page, images)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))

    assert page.locator("#rows tr").count() == 3
    assert [row["image"] for row in rows] == ["'=first.png", "second.png", "third.png"]
    assert all(0 < float(row["probability"]) <= 1 for row in rows)
    page.get_by_role("button", name="third.png").click()
    page.locator("#caption", has_text="third.png").wait_for()


def test_an_unusable_image_is_said(opened: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    page = opened()
    page.set_input_files("#files", [str(tmp_path / "bad.png")])
    page.locator("#exits", has_text="the image cannot be used: not an image").wait_for()


def test_images_wait_for_the_token(
    opened: Callable[..., Any], guarded: str, images: list[str]
) -> None:
    page = opened(guarded)
    status = page.locator("#status")
    assert status.inner_text() == "Enter the server's token first."
    page.set_input_files("#files", images)
    assert status.inner_text() == "Enter the server's token first."
    page.get_by_label("Token").fill("another")
    page.keyboard.press("Enter")
    page.get_by_text("The server does not accept this token.").wait_for()
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")

    page.get_by_text("Done: 3 images.").wait_for()  # two requests: one is of two images at most
    assert page.locator("#rows tr").count() == 3
    assert page.locator("#card dd").first.is_visible()


def test_a_server_of_detectors_alone_says_that_nothing_is_classified(
    opened: Callable[..., Any], images: list[str]
) -> None:
    detector = {"task": "detect", "name": "cells"}
    page = opened(answers={"v1/models": lambda route: route.fulfill(json=[detector])})
    page.set_input_files("#files", images[:1])

    page.locator("#status", has_text="No classifier is served here").wait_for()
    for hidden in ("#drop", "#options", "#about", "#result"):
        assert not page.locator(hidden).is_visible()


def test_a_busy_server_is_asked_again_when_it_says(
    opened: Callable[..., Any], images: list[str]
) -> None:
    asked: list[int] = []

    def busy_twice(route: Any) -> None:
        asked.append(images_of(route))
        if len(asked) in {1, 2}:
            problem = {"detail": "256 images wait already; try again in a second"}
            route.fulfill(status=429, headers={"Retry-After": "3600"}, json=problem)
        else:
            route.continue_()

    page = opened(answers={"v1/predict": busy_twice})
    page.clock.install()
    page.set_input_files("#files", images)
    for tries in (1, 2):
        page.get_by_text("The server is busy. Trying again in 3,600 s").wait_for()
        assert len(asked) == tries
        page.clock.run_for(3_600_000)

    page.get_by_text("Done: 3 images.").wait_for()
    assert page.locator("#rows tr").count() == 3
    assert asked[:3] == [3, 2, 1]  # a queue that is shorter than a request takes a smaller one


def test_a_request_has_no_more_bytes_than_servers_take(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    places = [tmp_path / f"{number}.png" for number in range(3)]
    for place in places:
        place.write_bytes(png() + bytes(7_000_000))  # as a photograph of a good camera
    asked: list[int] = []

    def counted(route: Any) -> None:
        asked.append(images_of(route))
        route.continue_()

    page = opened(answers={"v1/predict": counted})
    page.set_input_files("#files", [str(place) for place in places])

    page.get_by_text("Done: 3 images.").wait_for()
    assert asked == [2, 1, 1]  # two, every exit of the first, the third


def test_the_effort_is_followed(opened: Callable[..., Any], images: list[str]) -> None:
    page = opened()
    choose(page, images)
    page.get_by_label("Fast").check()
    page.locator("#rows tr").nth(2).locator("td", has_text="first").first.wait_for()

    exits = page.locator("#rows tr td:nth-child(4)").all_inner_texts()
    assert exits == ["first"] * 3


def test_files_are_dropped_and_pasted(opened: Callable[..., Any]) -> None:
    page = opened()
    data = json.dumps(list(png(4)))
    for event in ("drop", "paste"):
        page.evaluate(
            """([event, bytes]) => {
                const data = new DataTransfer();
                const bits = new Uint8Array(bytes);
                data.items.add(new File([bits], event + ".png", {type: "image/png"}));
                const made = event === "drop"
                    ? new DragEvent(event, {dataTransfer: data, bubbles: true})
                    : new ClipboardEvent(event, {clipboardData: data, bubbles: true});
                document.body.dispatchEvent(made);
            }""",
            [event, json.loads(data)],
        )
        page.locator("#caption", has_text=f"{event}.png").wait_for()


def reach(page: Any, wanted: str) -> None:
    """Presses Tab until an element with this id or text has the focus."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if wanted in page.evaluate("[document.activeElement.id, document.activeElement.innerText]"):
            return
    pytest.fail(f"Tab does not reach {wanted}")


def test_a_keyboard_is_enough(opened: Callable[..., Any], images: list[str]) -> None:
    page = opened()
    for _ in range(5):  # Chromium may let the first key go
        reach(page, "files")
        with suppress(sync_api.TimeoutError), page.expect_file_chooser(timeout=5_000) as chooser:
            page.keyboard.press("Space")
            break
    chooser.value.set_files(images)
    page.get_by_text("Done: 3 images.").wait_for()
    page.locator(".exit").nth(2).wait_for()

    reach(page, "explain")
    page.keyboard.press("Enter")
    page.locator("#slider").wait_for()
    reach(page, "slider")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#heat").evaluate("one => one.style.opacity") == "0.64"

    reach(page, "download")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert len(Path(download.value.path()).read_text().splitlines()) == 4

    reach(page, "second.png")
    page.keyboard.press("Enter")
    page.locator("#caption", has_text="second.png").wait_for()


def test_only_a_device_with_a_finger_takes_a_photo(
    opened: Callable[..., Any], images: list[str]
) -> None:
    desk, phone = opened(), opened(has_touch=True, is_mobile=True)
    for control in (desk.get_by_text("Take a photo"), desk.locator("#camera")):
        assert not control.is_visible()
    with phone.expect_file_chooser() as chooser:
        phone.get_by_text("Take a photo").tap()
    chooser.value.set_files(images[1])

    phone.locator("#caption", has_text="second.png").wait_for()
    assert phone.locator("#camera").get_attribute("capture") == "environment"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 900), (390, 844)])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    opened: Callable[..., Any],
    images: list[str],
    scheme: str,
    size: tuple[int, int],
    tmp_path: Path,
) -> None:
    """Pictures of the page stay in the folder of `--basetemp`, to be looked at."""
    width, height = size
    page = opened(color_scheme=scheme, viewport={"width": width, "height": height}, bypass_csp=True)
    choose(page, images)
    page.get_by_role("button", name="Show where the model looks").click()
    page.locator("#slider").wait_for()
    page.screenshot(path=tmp_path / f"{scheme}-{width}.png", full_page=True)

    assert axe.Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("models", [None, []], ids=["a token is needed", "no classifier"])
def test_axe_finds_nothing_where_nothing_can_be_classified(
    opened: Callable[..., Any], guarded: str, models: list[str] | None
) -> None:
    answers = {} if models is None else {"v1/models": lambda route: route.fulfill(json=models)}
    page = opened(guarded, answers, viewport={"width": 390, "height": 844}, bypass_csp=True)

    assert axe.Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_page_is_small() -> None:
    from importlib.resources import files

    pages = (files("inceptionkit.serving") / "page").iterdir()
    assert sum(len(one.read_bytes()) for one in pages) < 60_000
