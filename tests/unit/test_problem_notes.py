"""What a field may be is told in the language that was asked for, down to the words between."""

from service.problem_answers import notes_of
from service.texts import Language

WRONG = {"type": "literal_error", "loc": ("body", "language"), "ctx": {"expected": "'de', 'en' or 'zh'"}}


def test_the_words_between_choices_are_of_the_language_too() -> None:
    assert notes_of([WRONG], Language.ZH)[0]["message"] == "必须为 'de'、'en'、'zh' 之一。"
    assert notes_of([WRONG], Language.EN)[0]["message"] == "Must be one of 'de', 'en' or 'zh'."
