"""Refused keys are logged once per minute and address."""

from structlog.testing import capture_logs

from integrahub.api.auth.failed_key_log import FailedKeyLog


def test_wrong_keys_are_logged_once_a_minute_and_address_with_their_number() -> None:
    now = 0.0
    refused = FailedKeyLog(lambda: now)
    with capture_logs() as lines:
        for second in range(0, 130, 10):
            now = float(second)
            refused.record("10.0.0.1")
            refused.record("2001:db8::1")
            refused.record("2001:db8::2")
    counts = [[line["keys"] for line in lines if mark in line["address"]] for mark in (".", ":")]
    assert counts == [[1, 6, 6], [1, 12, 12]], lines
    assert {line["log_level"] for line in lines} == {"warning"} and {line["action"] for line in lines} == {"refuse_key"}
