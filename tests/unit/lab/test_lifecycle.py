"""What the lab says of itself while it comes up."""

from pathlib import Path

import pytest

from lab import lifecycle, paths


def test_another_checkout_is_told_whose_lab_it_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MADE_BY", tmp_path / "checkout")
    monkeypatch.setattr(paths, "CHECKOUT", tmp_path / "first")
    assert lifecycle.note_checkout() is None
    assert lifecycle.note_checkout() is None, "its own checkout needs no remark"
    monkeypatch.setattr(paths, "CHECKOUT", tmp_path / "second")
    said = lifecycle.note_checkout()
    assert said is not None
    assert said.startswith(f"{tmp_path / 'first'} made this lab")
    assert "`make down`" in said
