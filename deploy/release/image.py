"""`python -m deploy.release.image VERB`: the image by digest, from its parts to the mark that staging ran it.

The environment names IMAGE, DIGEST and GITHUB_SHA. Results go to the file GITHUB_OUTPUT, as GitHub Actions reads them.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.release.changelog import ReleaseError
from deploy.release.commands import Run, run_command
from deploy.release.version import read_version

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_ARCHITECTURES = 2
STAGING_ATTEMPTS = 120
STAGING_RETRY_SECONDS = 30.0
_FOLDER = Path("dist/digests")


@dataclass(frozen=True, slots=True)
class Image:
    """The image of one commit in a registry."""

    environment: Mapping[str, str]
    run: Run = run_command
    folder: Path = _FOLDER
    pause: Callable[[float], None] = time.sleep

    def version(self) -> None:
        """Write the version of this checkout, and the name of the image as a registry takes it."""
        self._write("name", self._name)
        self._write("version", read_version(Path.cwd()))

    def keep(self) -> None:
        """Keep the digest of one architecture as the name of a file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / self._digest().removeprefix("sha256:")).touch()

    def index(self) -> None:
        """Join the kept digests into one index, and write its digest and name."""
        parts = [f"{self._name}@sha256:{path.name}" for path in sorted(self.folder.iterdir())]
        if len(parts) != _ARCHITECTURES:
            raise ReleaseError(f"{self.folder} has {len(parts)} digests. Expected: one for each of 2 architectures.")
        tag = f"{self._name}:commit-{self._commit()}"
        self.run("docker", "buildx", "imagetools", "create", "--tag", tag, *parts)
        self._write("digest", self._inspect(tag))
        self._write("name", self._name)

    def sign(self) -> None:
        """Sign the digest without a key: with the identity of the workflow."""
        self.run("cosign", "sign", "--yes", f"{self._name}@{self._digest()}")

    def mark(self) -> None:
        """Tag the digest as the one that staging ran for this commit."""
        source = f"{self._name}@{self._digest()}"
        self.run("docker", "buildx", "imagetools", "create", "--tag", self._staging_tag, source)

    def ran(self) -> None:
        """Write the digest that staging ran for this commit. Wait for it: a tag may arrive before staging ended."""
        for _ in range(STAGING_ATTEMPTS):
            try:
                return self._write("digest", self._inspect(self._staging_tag))
            except ReleaseError:
                self.pause(STAGING_RETRY_SECONDS)
        raise ReleaseError(f"Staging ran no image of {self._commit()}. See its rollout, then run this job again.")

    @property
    def _name(self) -> str:
        return self._get("IMAGE").lower()  # a registry accepts no capital letters

    @property
    def _staging_tag(self) -> str:
        return f"{self._name}:staging-{self._commit()}"

    def _inspect(self, tag: str) -> str:
        found = self.run("docker", "buildx", "imagetools", "inspect", tag, "--format", "{{json .Manifest}}")
        return _match(_DIGEST, str(json.loads(found).get("digest")), "digest")

    def _digest(self) -> str:
        return _match(_DIGEST, self._get("DIGEST"), "DIGEST")

    def _commit(self) -> str:
        return _match(_COMMIT, self._get("GITHUB_SHA"), "GITHUB_SHA")

    def _get(self, name: str) -> str:
        if value := self.environment.get(name, ""):
            return value
        raise ReleaseError(f"{name} is not set in the environment.")

    def _write(self, name: str, value: str) -> None:
        print(f"{name}={value}")
        if path := self.environment.get("GITHUB_OUTPUT"):
            with Path(path).open("a", encoding="utf-8") as output:
                output.write(f"{name}={value}\n")


def _match(pattern: re.Pattern[str], text: str, name: str) -> str:
    if pattern.fullmatch(text):
        return text
    raise ReleaseError(f"{name} is '{text}'. Expected: {pattern.pattern}")


def main(arguments: list[str]) -> None:
    """Run the verb in `arguments`."""
    image = Image(os.environ)
    verbs = {
        each.__name__: each for each in (image.version, image.keep, image.index, image.sign, image.mark, image.ran)
    }
    if len(arguments) != 1 or arguments[0] not in verbs:
        raise SystemExit(f"Name one of: {', '.join(verbs)}")
    try:
        verbs[arguments[0]]()
    except ReleaseError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main(sys.argv[1:])
