"""The files that ship with the package."""

from colabdev import texts


def test_templates_and_payloads_are_found_in_a_checkout() -> None:
    """A checkout has templates/ beside the package and the payload inside it."""
    assert texts.templates_dir().name == "templates"
    assert "import" in texts.template("demo/train.py")
    assert '"""' in texts.payload("__init__")
