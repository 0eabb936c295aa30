"""Build hook: compile the kernel into the package if the Zig compiler is installed.

`make kernel` runs this file. Without the compiler the package is built all the same, and the hub works in pure Python.
KERNEL_TARGET names the platform of a wheel: one of `TARGETS`, or `none` for a pure wheel.
"""

import hashlib
import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
DOMAIN = Path("src/integrahub/domain")
FOLDER = DOMAIN / "dialects/inovafarma/native"
VERSION = "0.17.1"
# Platform tag of the wheel, by Zig's target. The kernel uses no libc, so one library serves glibc and musl.
TARGETS = {
    "x86_64-linux-musl": "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64",
    "aarch64-linux-musl": "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
    "x86_64-macos.11.0": "macosx_11_0_x86_64",
    "aarch64-macos.11.0": "macosx_11_0_arm64",
    "x86_64-windows-gnu": "win_amd64",
}
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_SYSTEMS = {"linux": "linux-musl", "macosx": "macos.11.0", "win": "windows-gnu"}


def find_target() -> str | None:
    """Return Zig's target for this platform; None if there is no kernel for it."""
    platform = sysconfig.get_platform()
    system, machine = platform.partition("-")[0], platform.rpartition("-")[2]
    target = f"{_MACHINES.get(machine.lower())}-{_SYSTEMS.get(system)}"
    return target if target in TARGETS else None


def digest_sources() -> int:
    """Return the digest of the kernel's sources, as the binding computes it."""
    digest: int = runpy.run_path(str(ROOT / FOLDER / "sources.py"))["digest_sources"]()
    return digest


def compile_kernel(target: str, folder: Path) -> Path | None:
    """Compile the kernel for a target into a folder; return the library, or None if there is no compiler.

    Raise CalledProcessError if it does not compile.
    """
    if find_spec("ziglang") is None:
        return None
    suffix = "dll" if "windows" in target else "dylib" if "macos" in target else "so"
    name = f"libkernel.{suffix}"  # also in a library for Windows, as the name of what exports its functions
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder))
    built_from = unfinished / "built_from.zig"
    built_from.write_text(f"pub const digest: u32 = {digest_sources()};\n", "utf-8")
    options = ["-dynamic", "-O", "ReleaseSafe", "-fstrip", "-fno-emit-implib", "-target", target, "-mcpu", "baseline"]
    if "macos" in target:
        options += ["-install_name", f"@rpath/{name}"]  # else the path of this build
    modules = ["--dep", "native", "--dep", "built_from", f"-Mroot={FOLDER / 'kernel.zig'}"]
    modules += [f"-Mnative={DOMAIN / 'native/native.zig'}", f"-Mbuilt_from={built_from}"]
    command = [sys.executable, "-m", "ziglang", "build-lib", *options, *modules, f"-femit-bin={unfinished / name}"]
    try:
        subprocess.run([*command, "--name", "kernel"], cwd=ROOT, check=True)
        return (unfinished / name).replace(folder / name)
    finally:
        shutil.rmtree(unfinished)


class KernelBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the compiled library into the wheel and names the platform in its file name."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile for KERNEL_TARGET, which must compile, or for this platform."""
        wanted = os.environ.get("KERNEL_TARGET")
        if wanted and wanted not in (*TARGETS, "none"):
            raise ValueError(f"KERNEL_TARGET {wanted!r} is unknown; one of {', '.join(TARGETS)} or none")
        target = wanted or find_target()
        if self.target_name != "wheel" or version == "editable" or target in (None, "none"):
            return
        try:
            library = compile_kernel(target, ROOT / "build" / target)
        except (OSError, subprocess.CalledProcessError) as error:
            if wanted:
                raise
            self.app.display_warning(f"the kernel does not compile ({error}): the package is built in pure Python")
            return
        if library is None:
            self.app.display_warning("the Zig compiler is not installed: the package is built in pure Python")
            return
        build_data["force_include"][str(library)] = str(FOLDER.relative_to("src") / library.name)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{TARGETS[target]}"


def find_cached(target: str) -> Path:
    """Return the folder, in the user's cache, of the library that these sources and this file make."""
    digest = hashlib.sha256(f"{VERSION} {target} {digest_sources()}".encode() + Path(__file__).read_bytes())
    for path in sorted((ROOT / DOMAIN).rglob("*.zig")):
        digest.update(path.name.encode() + path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "integrahub" / f"kernel-{digest.hexdigest()[:20]}"


def find_library(target: str) -> Path | None:
    """Return the library of these sources: that of the cache, or a new one. None if there is no compiler."""
    cached = find_cached(target)
    return next(cached.glob("libkernel.*"), None) or compile_kernel(target, cached)


def remove_kernel() -> None:
    """Delete the library of the source tree: it may be one of older sources."""
    for library in (ROOT / FOLDER).glob("libkernel.*"):
        library.unlink()


def main() -> int:
    """Compile the kernel for this platform into the source tree, or copy it if it was compiled before.

    If there is none, delete the one that is there.
    """
    target = find_target()
    if target is None:
        remove_kernel()
        print(f"There is no kernel for {sysconfig.get_platform()}: the hub works in pure Python.")
        return 0
    try:
        library = find_library(target)
    except (OSError, subprocess.CalledProcessError) as error:
        remove_kernel()
        print(f"The kernel does not compile ({error}): the hub works in pure Python.")
        return 1
    if library is None:
        remove_kernel()
        print("The Zig compiler is not installed (requirements-kernel.txt): the hub works in pure Python.")
        return 1
    copy = ROOT / FOLDER / library.name
    shutil.copyfile(library, f"{copy}.new")
    Path(f"{copy}.new").replace(copy)  # a running hub keeps the old file
    print("the kernel is compiled")
    return 0


if __name__ == "__main__":
    sys.exit(main())
