"""What a learner reads besides verdicts, in both languages."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from colabdev.cli.exercises.options import say
from colabdev.cli.layout import columns
from colabdev.commands.exercises.learn import Place, Started, brief
from colabdev.exercises.course import Course, Language, Outcome

if TYPE_CHECKING:
    from colabdev.cli.console import Console
    from colabdev.commands.exercises.check import Checked
    from colabdev.exercises.workbook import Workbook

_C = "colabdev exercises"
_KOREAN = {
    "passed": "통과",
    "failed": "실패",
    "error": "오류",
    "skipped": "건너뜀",
    "done": "완료",
    "current": "현재",
    "pending": "남음",
    "none": "-",
    "optional": "선택",
    "measures": "측정",
    "unknown": "알 수 없음",
}


def invitation(language: Language) -> str:
    """Return what is said where no course has been started."""
    course = Course.load()
    count = len(course.exercises)
    return say(
        language,
        f"{course.title.en}: {count} exercises.\nBegin: {_C} start",
        f"{course.title.ko}: 연습 문제 {count}개.\n시작하기: {_C} start",
    )


def show_place(console: "Console", place: Place, language: Language) -> None:
    """Show an exercise: where it is, what it asks for, and the next commands."""
    text = brief(place.exercise, language)
    console.result(place_row(place, text), _place(place, text, language))


def place_row(place: Place, text: str = "") -> dict[str, object]:
    """Return *place* as JSON has it."""
    row: dict[str, object] = {
        "exercise": place.exercise.slug,
        "title": place.exercise.title,
        "topic": place.exercise.topic,
        "file": place.file,
        "line": place.line,
        "passed": place.passed,
        "hints": place.hints,
        "next": place.following or None,
        "done": place.done,
        "total": place.total,
    }
    return {**row, "brief": text} if text else row


def shown_word(word: str | None, language: Language) -> str:
    """Return how an exercise ended or stands, or whether it wants a GPU, as a learner reads it."""
    english = word or "unknown"
    return _KOREAN.get(english, english) if language == "ko" else english


def clickable(file: Path, line: int = 1) -> str:
    """Return *file* as terminals and editors make a link of it, short where it is near."""
    try:
        near = file.relative_to(Path.cwd())
    except ValueError:
        near = file
    return f"{near}:{line}" if line else str(near)


def headline(place: Place, language: Language) -> str:
    """Return the title of an exercise and how far the learner is."""
    title = place.exercise.title.in_language(language)
    done = say(
        language,
        f"{place.done} of {place.total} done",
        f"{place.total}개 중 {place.done}개 완료",
    )
    return f"{title} ({place.exercise.slug}) - {done}"


def _place(place: Place, text: str, language: Language) -> str:
    name = place.exercise.slug
    body = text.strip().split("\n", 1)
    asked = body[1].strip() if body[0].startswith("# ") and len(body) > 1 else text.strip()
    missing = say(
        language,
        f"The file is missing. Put it back: {_C} start",
        f"파일이 없습니다. 다시 만들기: {_C} start",
    )
    file = clickable(place.file, place.line) if place.line else missing
    return "\n".join(
        [
            headline(place, language),
            f"{say(language, 'Your file', '내 파일')}: {file}",
            "",
            asked,
            "",
            f"{say(language, 'Check it', '검사하기')}: {_C} check {name}",
            f"{say(language, 'A hint', '힌트 보기')}: {_C} hint {name} "
            + say(
                language,
                f"({place.hints} of {len(place.exercise.hints)} seen)",
                f"({len(place.exercise.hints)}개 중 {place.hints}개 확인)",
            ),
            *(_after_success(place, language) if place.passed else []),
        ]
    )


def _after_success(place: Place, language: Language) -> list[str]:
    """Return what there is to do after success; nothing happens by itself."""
    name = place.exercise.slug
    lines = [f"{say(language, 'Solution and why', '풀이와 설명')}: {_C} solution {name}"]
    if place.following:
        file = clickable(place.file.with_name(f"{place.following}.py"), 0)
        lines.append(f"{say(language, 'Next', '다음')}: {_C} next  ({file})")
    else:
        lines.append(say(language, "All exercises are done.", "모든 연습 문제를 마쳤습니다."))
    return lines


def started(begun: Started, language: Language) -> str:
    """Return what ``start`` did and the next step."""
    new, updated, kept = begun.files.new, begun.files.updated, begun.files.kept
    lines = [
        say(
            language,
            f"{begun.folder}: {begun.place.total} exercises, {len(new)} new files.",
            f"{begun.folder}: 연습 문제 {begun.place.total}개, 새 파일 {len(new)}개.",
        )
    ]
    if updated:
        names = ", ".join(updated)
        lines.append(
            say(
                language,
                f"Brought up to date, as you had not edited them: {names}",
                f"고친 적이 없어 새 내용으로 바꾼 파일: {names}",
            )
        )
    for name in kept:
        lines.append(
            say(
                language,
                f"{name} has a new starter; yours stays. See: {_C} reset {name} --diff",
                f"{name}의 시작 파일이 바뀌었지만 내 파일은 그대로 두었습니다. "
                f"차이 보기: {_C} reset {name} --diff",
            )
        )
    if begun.folder != Path.cwd():
        folder = os.path.relpath(begun.folder)
        word = f'"{folder}"' if " " in folder else folder
        lines.append(f"{say(language, 'Go there', '이동하기')}: cd {word}")
    lines.append(f"{say(language, 'Begin', '시작하기')}: {_C}")
    return "\n".join(lines)


def after_check(found: Sequence["Checked"], book: "Workbook", language: Language) -> str:
    """Return the next step after a check of one exercise; of several, how each ended."""
    from colabdev.commands.exercises.learn import place

    if len(found) != 1:
        return summary(found, language)
    (only,) = found
    name = only.exercise.slug
    if only.outcome is Outcome.PASSED:
        well = say(language, "It passes. Well done.", "통과했습니다. 잘하셨습니다.")
        return "\n".join(["", well, *_after_success(place(book, only.exercise), language)])
    if only.outcome is Outcome.SKIPPED:
        return say(
            language,
            f"\nNothing of it can be checked here. On a GPU: {_C} check {name} --on ALIAS",
            f"\n여기서는 검사할 수 없습니다. GPU에서: {_C} check {name} --on ALIAS",
        )
    return say(
        language,
        f"\nNot yet. A hint: {_C} hint {name}",
        f"\n아직 통과하지 못했습니다. 힌트: {_C} hint {name}",
    )


def summary(found: Sequence["Checked"], language: Language) -> str:
    """Return one line for each exercise, how many passed, and the first that has not."""
    width = max(len(each.exercise.slug) for each in found)
    words = [shown_word(each.outcome, language).upper() for each in found]
    room = max(8, *map(columns, words))
    lines = [
        f"{word}{' ' * (room - columns(word))} {each.exercise.slug:{width}} "
        f"{each.passed}/{each.tasks}"
        for word, each in zip(words, found, strict=True)
    ]
    passed = sum(each.outcome is Outcome.PASSED for each in found)
    lines += [
        "",
        say(language, f"{passed} of {len(found)} passed.", f"{len(found)}개 중 {passed}개 통과."),
    ]
    left = [each for each in found if each.outcome not in (Outcome.PASSED, Outcome.SKIPPED)]
    if left:
        name = left[0].exercise.slug
        lines.append(f"{say(language, 'Go on with', '이어서 하기')}: {_C} next {name}")
    return "\n".join(lines)
