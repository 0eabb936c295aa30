"""Foreign programs get ports of their own, and say why they failed."""

import sys
from pathlib import Path

import pytest

from integrahub.tools.devservices.program import ServiceFailed, find_free_ports, run_tool


class _FirstRefused:
    """Contains the first port that is looked up, and no other."""

    def __init__(self) -> None:
        self.first: object = None

    def __contains__(self, port: object) -> bool:
        self.first = self.first or port
        return port == self.first


def test_ports_differ_and_leave_out_those_that_are_taken() -> None:
    taken = _FirstRefused()
    ports = find_free_ports(3, but=taken)
    assert len(set(ports)) == 3 and taken.first not in ports


def test_a_tool_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServiceFailed, match=r"exit code 3(.|\n)*no space left"):
        run_tool([sys.executable, "-c", "import sys; print('no space left'); sys.exit(3)"], tmp_path)
