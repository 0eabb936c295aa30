"""Settings in force as an operator sees them: no secret, no login, and which ones were chosen."""

from pathlib import Path

from integrahub.settings.model import Settings
from integrahub.settings.shown import ShownSetting, list_settings

_SECRET = "hunter2-hunter2-hunter2-hunter2"


def _shown(**values: object) -> dict[str, ShownSetting]:
    return {setting.name: setting for setting in list_settings(Settings.model_validate(values))}


def test_a_secret_is_set_or_not_and_never_shown() -> None:
    names = [name for name, field in Settings.model_fields.items() if not field.repr]
    assert len(names) > 10
    secret = Settings.model_construct(**dict.fromkeys(names, _SECRET))
    shown = {setting.name: setting for setting in list_settings(secret)}
    assert _SECRET not in str(shown)
    secrets = [setting for setting in shown.values() if setting.is_secret]
    assert len(secrets) >= len(names) - 1 and all(setting.is_set and not setting.value for setting in secrets)
    assert not _shown()["ADMIN_API_KEY"].is_set and _shown()["ADMIN_API_KEY"].is_secret


def test_a_login_inside_a_url_is_left_out() -> None:
    shown = _shown(storage_endpoint=f"https://ana:{_SECRET}@s3.example:9000")["STORAGE_ENDPOINT"]
    assert shown.value == "https://s3.example:9000"


def test_a_setting_that_was_chosen_differs_from_its_default() -> None:
    shown = _shown(chunk_size=77, max_backlog=20_000_000, data_dir=Path("here"), data_dir_mode="750")
    assert (shown["CHUNK_SIZE"].value, shown["CHUNK_SIZE"].is_default) == ("77", False)
    assert shown["MAX_BACKLOG"].is_default and shown["DATA_DIR"].value == "here"
    assert shown["DATA_DIR_MODE"].value == "750" and shown["HISTORY"].value == "true"


def test_a_long_value_is_shortened() -> None:
    assert len(_shown(kafka_prefix="x" * 5000)["KAFKA_PREFIX"].value) == 300
