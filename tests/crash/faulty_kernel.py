"""Worker whose kernel faults whenever it is called: `python -m tests.crash.faulty_kernel split,upsert,...`."""

import asyncio
import sys
from typing import Any

from integrahub.domain.dialects.inovafarma.native.kernel import InovaFarmaKernel
from integrahub.settings.model import Settings
from integrahub.worker.process import work


def _fault(self: InovaFarmaKernel, *_: Any) -> None:
    self.fault()


if __name__ == "__main__":
    InovaFarmaKernel.cut = InovaFarmaKernel.encode_rows = _fault  # type: ignore[assignment]
    asyncio.run(work(Settings(), sys.argv[1].split(",")))
