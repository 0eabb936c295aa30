"""`python -m integrahub` is the command `integrahub`."""

import sys

from integrahub.cli import main

sys.exit(main())
