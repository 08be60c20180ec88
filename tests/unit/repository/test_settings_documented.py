"""docs/settings.md tells every setting of all three packages, in the words of the code."""

from lecture_api.composition.settings_page import PAGE, settings_page


def test_settings_page_is_up_to_date() -> None:
    remedy = "run: python -m lecture_api.composition.settings_page"
    assert PAGE.read_text(encoding="utf-8") == settings_page(), remedy
