"""Settings: where values come from, and that no secret is ever shown."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from service.problem_answers import preferred_language
from service.settings import DevelopmentSecret, Settings
from service.texts import Language


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEV", "DATA_DIR", "DATABASE_URL", "SECRET_KEY", "PORT"):
        monkeypatch.delenv(f"UNCLOSE_{name}", raising=False)


def test_all_state_lies_in_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/register.sqlite"
    assert settings.object_store_url == f"file://{tmp_path}/store"
    assert settings.is_embedded


def test_every_setting_tells_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNCLOSE_PORT", "9000")
    told = {setting.name: (setting.shown, setting.source) for setting in Settings(host="0.0.0.0").described()}

    assert told["UNCLOSE_PORT"] == ("9000", "environment")
    assert told["UNCLOSE_HOST"] == ("0.0.0.0", "option")
    assert told["UNCLOSE_LOG_FORMAT"] == ("console", "default")
    assert told["UNCLOSE_LEDGERS"] == ("unset", "default")


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ("SECRET_KEY", "TEMPORAL_API_KEY", "PAYLOAD_KEYS", "OIDC_CLIENT_SECRET")
    for name in secrets:
        monkeypatch.setenv(f"UNCLOSE_{name}", "hush")
    monkeypatch.setenv("UNCLOSE_DATABASE_URL", "postgresql+asyncpg://u:hush@db/unclose")
    settings = Settings()

    assert "hush" not in str(list(settings.described()))
    assert "hush" not in repr(settings).replace(settings.database_url, "")
    told = {setting.name: setting.shown for setting in settings.described()}
    assert {told[f"UNCLOSE_{name}"] for name in secrets} == {"set"}


def test_every_setting_is_described() -> None:
    assert all(setting.description for setting in Settings().described())


def test_a_secret_everybody_knows_is_refused_outside_dev() -> None:
    with pytest.raises(DevelopmentSecret, match="UNCLOSE_SECRET_KEY"):
        Settings().require_own_secrets()

    Settings(dev=True).require_own_secrets()
    Settings(secret_key=SecretStr("our own")).require_own_secrets()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        (None, Language.EN),
        ("", Language.EN),
        ("zh", Language.ZH),
        ("zh-CN,zh;q=0.9", Language.ZH),
        ("en-GB,zh;q=0.9", Language.EN),
        ("en;q=0.2, zh;q=0.8", Language.ZH),
        ("de,fr", Language.EN),
        ("de, zh-TW;q=0.1", Language.ZH),
        ("zh;q=0, en", Language.EN),
        ("*", Language.EN),
    ],
)
def test_the_language_is_the_one_preferred(accept: str | None, language: Language) -> None:
    assert preferred_language(accept) == language


# --------------------------------------------------------------------------- sign-in


def test_a_provider_is_given_with_the_audience_and_over_tls() -> None:
    good = Settings(oidc_issuer="https://id.example", oidc_audience="unclose")
    assert good.oidc_user_claim == "preferred_username"
    with pytest.raises(ValidationError, match="oidc_audience"):
        Settings(oidc_issuer="https://id.example")
    with pytest.raises(ValidationError, match="https://"):
        Settings(oidc_issuer="http://id.example", oidc_audience="unclose")
    assert Settings(dev=True, oidc_issuer="http://id.example", oidc_audience="unclose").oidc_issuer


def test_the_providers_groups_are_told_in_our_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNCLOSE_OIDC_GROUP_MAP", '{"acc-dept": "finance"}')
    told = {setting.name: setting.shown for setting in Settings().described()}
    assert told["UNCLOSE_OIDC_GROUP_MAP"] == "acc-dept → finance"


@pytest.mark.parametrize("text", ["finance", '["finance"]', '{"acc": "nobody"}'])
def test_a_map_of_groups_that_cannot_be_read_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNCLOSE_OIDC_GROUP_MAP", text)
    with pytest.raises(ValidationError, match="groups of ours"):
        Settings()
