"""URLs of receivers as the audit log keeps them: no secret of a path or a query."""

import pytest

from integrahub.domain.webhooks.target_url import hide_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://erp.example", "https://erp.example"),
        ("https://erp.example/", "https://erp.example/"),
        ("https://erp.example/hook", "https://erp.example/hook"),
        ("https://erp.example:8443/hook?token=s3cret/1", "https://erp.example:8443/hook?…"),
        ("https://hooks.example/services/T1/B2/s3cret?a=b", "https://hooks.example/services/…?…"),
        ("https://hooks.example/7e1c0c0e-3f6b-4c57-9d0e-0a4f4a9f6f0d", "https://hooks.example/…"),
        ("https://[2001:db8::1]/a/b", "https://[2001:db8::1]/a/…"),
        ("", ""),
    ],
)
def test_host_and_first_segment_are_shown(url: str, shown: str) -> None:
    assert hide_secrets(url) == shown
    assert hide_secrets(shown) == shown
