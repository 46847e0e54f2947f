from __future__ import annotations

import subprocess
import sys

import pytest

from flows.gate_ahead import put_off


def test_what_was_put_off_is_loaded_at_its_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    put_off("colorsys")
    import colorsys

    stand_in = sys.modules["colorsys"]
    assert "rgb_to_hsv" not in vars(stand_in)
    assert colorsys.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
    assert sys.modules["colorsys"] is not stand_in


def test_what_is_loaded_already_is_left_alone() -> None:
    before = sys.modules["json"] if "json" in sys.modules else __import__("json")
    put_off("json")
    assert sys.modules["json"] is before


def test_a_missing_module_is_missing_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "no_such_module", raising=False)
    put_off("no_such_module")
    stand_in = sys.modules["no_such_module"]
    with pytest.raises(ModuleNotFoundError):
        stand_in.anything  # noqa: B018


@pytest.mark.e2e
def test_the_gate_imports_without_what_it_never_uses() -> None:
    code = (
        "import sys; from flows.gate_ahead import UNUSED, import_gate_ahead\n"
        "import_gate_ahead().join()\n"
        "import expectations.custom\n"
        "print('great_expectations' in sys.modules, [type(sys.modules[name]).__name__ for name in UNUSED])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "True ['_PutOff', '_PutOff']"
