"""Start of the API's process: its requests to the system."""

import resource

from integrahub.telemetry.setup import raise_descriptor_limit


def test_the_limit_of_open_files_is_raised_to_what_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65_536)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, wanted), hard))
        assert raise_descriptor_limit() == wanted
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (wanted, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
