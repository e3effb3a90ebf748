"""The questions by keyboard and under axe-core, and what pages say without JavaScript; test_pages.py has the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from seeing import violations

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
DOCUMENTS = [TOC["root"], *CHAPTERS]
Open = Callable[..., Any]

HIDDEN_TEXT = """() => {
  const words = document.createTreeWalker(document.querySelector(".bd-article"), NodeFilter.SHOW_TEXT);
  const hidden = [];
  while (words.nextNode()) {
    const element = words.currentNode.parentElement;
    const folds = element.closest("details:not([open])");
    const silent = folds || element.closest("script, style, svg, .citation > .label"); // shown by author and year
    if (words.currentNode.data.trim() && !silent && !element.checkVisibility()) {
      hidden.push(words.currentNode.data.trim().slice(0, 60));
    }
  }
  return hidden;
}"""


def test_answered_questions_stay_accessible(visit: Open, address: str, axe: Any) -> None:
    with visit(f"{address}/book/revision.html", "phone", "dark") as opened:
        for summary in opened.page.locator(".question .options li:first-child summary").all():
            summary.click()
        for form in opened.page.locator(".quiz-form").all():
            form.locator("input").fill("0.5")
            form.locator("button").click()
        assert violations(axe, opened.page) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_without_javascript_all_is_there(visit: Open, address: str, document: str) -> None:
    with visit(f"{address}/{document}.html", javascript=False) as plain:
        assert [problem for problem in plain.problems if ".js?" not in problem] == []  # scripts are not fetched
        text = plain.page.locator(".bd-article").inner_text()
        sources = plain.page.locator(".bd-article .math").all_text_contents()
        assert [source for source in sources if "\\(" not in source and "\\[" not in source] == []
        for figure in plain.page.locator(".bd-article img").all():
            assert figure.is_visible()
        assert plain.page.evaluate(HIDDEN_TEXT) == []
        assert len(text) > 400


def test_keyboard_plays_the_quiz(visit: Open, address: str) -> None:
    with visit(f"{address}/book/revision.html") as opened:
        page, status = opened.page, opened.page.locator(".quiz-status")
        assert status.get_attribute("role") == "status"
        total = page.locator(".question").count()
        assert f"0 of {total} answered" in status.inner_text()

        question = page.locator(".question.choice").first
        question.locator('details[data-right="no"] summary').first.focus()
        page.keyboard.press("Enter")
        assert "Not this one." in status.inner_text()
        assert f"1 of {total} answered, 0 right" in status.inner_text()
        question.locator('details[data-right="yes"] summary').focus()
        page.keyboard.press("Space")
        assert status.inner_text().startswith("Right.")
        assert f"1 of {total} answered, 0 right" in status.inner_text(), "only the first answer counts"

        number = page.locator(".question.numeric").first
        value = number.locator('[data-right="yes"]').get_attribute("data-value")
        number.locator("input").focus()
        page.keyboard.type(value.replace(".", ","))
        page.keyboard.press("Enter")
        assert f"2 of {total} answered, 1 right" in status.inner_text()
        assert number.locator(".quiz-feedback").inner_text().startswith("Right.")

        page.get_by_role("button", name="Start again").click()
        assert f"0 of {total} answered" in status.inner_text()
        assert page.locator(".question details[open]").count() == 0
        assert opened.problems == []
        assert opened.foreign == []


def test_every_numeric_option_is_recognised(visit: Open, address: str) -> None:
    with visit(f"{address}/book/revision.html") as opened:
        for question in opened.page.locator(".question.numeric").all():
            for case in question.locator("details > div").all():
                value = case.get_attribute("data-value") or "-123456"
                question.locator("input").fill(value)
                question.locator(".quiz-form button").click()
                verdict = "Right." if case.get_attribute("data-right") == "yes" else "Not this one."
                assert question.locator(".quiz-feedback").inner_text().startswith(verdict)
                words = case.locator("p").nth(1).evaluate("p => p.textContent")
                assert words in question.locator(".quiz-feedback").evaluate("div => div.textContent")


def test_opening_the_answer_first_is_no_right_answer(visit: Open, address: str) -> None:
    with visit(f"{address}/book/revision.html") as opened:
        number = opened.page.locator(".question.numeric").first
        number.locator("summary").click()
        number.locator("input").fill(number.locator('[data-right="yes"]').get_attribute("data-value"))
        number.locator(".quiz-form button").click()
        assert "1 of" in opened.page.locator(".quiz-status").inner_text()
        assert "0 right" in opened.page.locator(".quiz-status").inner_text()


def test_without_javascript_questions_fold_open(visit: Open, address: str) -> None:
    with visit(f"{address}/book/revision.html", javascript=False) as plain:
        option = plain.page.locator('.question.choice details[data-right="yes"]').first
        assert "Right." not in option.inner_text()
        option.locator("summary").click()
        assert "Right." in option.inner_text()
        assert plain.page.locator(".quiz-bar").count() == 0
