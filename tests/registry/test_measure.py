"""`manage.py measure`: names of the register go on the plan, as often as is said."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from checks.models import Plan
from tests import make

pytestmark = pytest.mark.django_db


def test_a_name_is_measured_as_often_as_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    make.resource("orda.kz")
    call_command("measure", "orda.kz", "--every", "0.5")
    assert Plan.objects.get().period == timedelta(minutes=30)
    assert "1 targets are planned" in capsys.readouterr().out


@pytest.mark.parametrize("hours", ["0", "-6", "nan", "inf", "1e300", "9000", "often"])
def test_a_period_that_cannot_be_is_refused(hours: str) -> None:
    make.resource("orda.kz")
    with pytest.raises(CommandError, match="hours"):
        call_command("measure", "orda.kz", f"--every={hours}")
    assert not Plan.objects.exists()
