"""How each example is compiled and run, with programs of this machine or from Debian's packages."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from integrahub.tools.devservices.debian_packages import unpack

EXAMPLES = Path(__file__).parents[2] / "examples"
_COMPILE_TIMEOUT_SECONDS = 120.0
_MONO = (
    *("mono-runtime-common", "mono-runtime-sgen", "mono-mcs", "libmono-corlib4.5-dll", "libmono-system4.0-cil"),
    *("libmono-system-core4.0-cil", "libmono-system-numerics4.0-cil", "libmono-system-xml4.0-cil"),
    *("libmono-system-security4.0-cil", "libmono-system-configuration4.0-cil", "libmono-security4.0-cil"),
    *("libmono-microsoft-csharp4.0-cil", "libmono-system-net-http4.0-cil", "libmono-btls-interface4.0-cil"),
)
_FREE_PASCAL = tuple(f"fp-{part}-3.2.2" for part in ("compiler", "units-rtl", "units-base", "units-fcl", "units-net"))


@dataclass(frozen=True, slots=True)
class Command:
    """Command of an example, without its arguments, and the environment that it needs."""

    arguments: list[str]
    environment: dict[str, str] = field(default_factory=dict)


class Missing(Exception):
    """A program that the example needs is not here and cannot be fetched."""


def curl(folder: Path) -> Command:
    """Return the command of the shell script."""
    _find("curl")
    return Command([_find("sh"), str(EXAMPLES / "post_catalogue.sh")])


def python(folder: Path) -> Command:
    """Return the command of the Python program."""
    return Command([sys.executable, str(EXAMPLES / "post_catalogue.py")])


def node(folder: Path) -> Command:
    """Return the command of the JavaScript module."""
    return Command([_find("node"), str(EXAMPLES / "post_catalogue.mjs")])


def csharp(folder: Path) -> Command:
    """Compile the C# program and return its command."""
    return compile_csharp(EXAMPLES / "PostCatalogue.cs", folder, "-r:System.Net.Http.dll")


def pascal(folder: Path) -> Command:
    """Compile the Object Pascal program and return its command."""
    return compile_pascal(EXAMPLES / "PostCatalogue.pas", folder)


def compile_csharp(source: Path, folder: Path, *references: str) -> Command:
    """Compile a C# program with Mono, and return its command."""
    target = folder / f"{source.stem}.exe"
    options = [*references, f"-out:{target}", str(source)]
    if shutil.which("mono") and (own := shutil.which("mcs")):
        _compile([own, *options])
        return Command(["mono", str(target)])
    path = unpack("mono", _MONO)
    if not path:
        raise Missing("Mono is not here and cannot be fetched (Debian: apt-get install mono-mcs)")
    mono, assemblies = str(path / "usr/bin/mono-sgen"), path / "usr/lib/mono/4.5"
    environment = {"MONO_PATH": str(assemblies), "MONO_CFG_DIR": str(path / "etc")}
    _compile([mono, str(assemblies / "mcs.exe"), *options], environment)
    return Command([mono, str(target)], environment)


def compile_pascal(source: Path, folder: Path) -> Command:
    """Compile an Object Pascal program with Free Pascal, and return its command."""
    options = [f"-FE{folder}", f"-FU{folder}", str(source)]
    if own := shutil.which("fpc"):
        _compile([own, *options])
    elif path := unpack("fpc", _FREE_PASCAL):
        root = next((path / "usr/lib").glob("*/fpc/3.2.2"))
        compiler, units = next(root.glob("ppc*")), next(root.glob("units/*"))
        _compile([str(compiler), "-n", f"-Fu{units}/*", "-FD/usr/bin", *options])
    else:
        raise Missing("Free Pascal is not here and cannot be fetched (Debian: apt-get install fpc)")
    return Command([str(folder / source.stem)])


LANGUAGES: dict[str, Callable[[Path], Command]] = {
    function.__name__: function for function in (curl, python, node, csharp, pascal)
}


def _find(program: str) -> str:
    path = shutil.which(program)
    if not path:
        raise Missing(f"{program} is not installed")
    return path


def _compile(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, env=os.environ | (environment or {}), capture_output=True, text=True, timeout=_COMPILE_TIMEOUT_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
