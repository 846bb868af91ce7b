"""The file of hooks: every mistake is named by its field, and no secret is ever shown."""

from datetime import timedelta
from pathlib import Path

import pytest

from service.inbox.hooks import HookBook, HooksUnreadable, described, load_hooks
from service.inbox.ports import HookKind
from service.refusals import UnknownHook
from tests.pushes import STANDARD_SECRET

PORTAL = '[hooks.portal]\nkind = "generic"\nsecrets = ["env:PORTAL", "file:old.secret"]\naccount = "portal"\n'
OLD = "whsec_" + "QUJD" * 8


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PORTAL", STANDARD_SECRET)
    (tmp_path / "old.secret").write_text(OLD + "\n")
    return tmp_path


def load(folder: Path, text: str) -> HookBook:
    (folder / "hooks.toml").write_text(text, encoding="utf-8")
    return load_hooks(None, folder)


def test_a_hook_has_its_secrets_newest_first(folder: Path) -> None:
    hook = load(folder, PORTAL).of("portal", HookKind.GENERIC)
    assert [secret.get_secret_value() for secret in hook.secrets] == [STANDARD_SECRET, OLD]
    assert (hook.account, hook.window) == ("portal", timedelta(minutes=5))


def test_who_only_hands_deliveries_on_needs_no_secrets(tmp_path: Path) -> None:
    (tmp_path / "hooks.toml").write_text(PORTAL, encoding="utf-8")
    hook = load_hooks(None, tmp_path, to_verify=False).of("portal", HookKind.GENERIC)
    assert (hook.account, hook.secrets) == ("portal", ())


def test_without_a_file_there_are_no_hooks(tmp_path: Path) -> None:
    assert len(load_hooks(None, tmp_path)) == 0


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(HooksUnreadable, match=r"absent\.toml: cannot be read"):
        load_hooks(tmp_path / "absent.toml", tmp_path)


def test_a_hook_of_another_kind_is_unknown(folder: Path) -> None:
    with pytest.raises(UnknownHook):
        load(folder, PORTAL).of("portal", HookKind.JIANDAOYUN)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[hooks.portal", "is not TOML"),
        (PORTAL.replace("generic", "slack"), "hooks.portal.kind"),
        (PORTAL + "token = 1\n", "hooks.portal.token"),
        (PORTAL.replace('account = "portal"\n', ""), "hooks.portal.account"),
        (PORTAL + "window_seconds = 60\n", "hooks.portal"),
        (PORTAL.replace("env:PORTAL", "env:ABSENT"), "hooks.portal.secrets.0: env:ABSENT is not set"),
        (PORTAL.replace("file:old", "file:gone"), "hooks.portal.secrets.1: file:gone.secret cannot be read"),
        (PORTAL.replace("env:PORTAL", "hunter2"), "hooks.portal.secrets.0: must be env:NAME or file:PATH"),
        (PORTAL.replace('"env:PORTAL", "file:old.secret"', ""), "hooks.portal.secrets"),
        (PORTAL.replace("hooks.portal", "hooks.Portal"), "hooks.Portal"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(folder: Path, text: str, said: str) -> None:
    with pytest.raises(HooksUnreadable) as unreadable:
        load(folder, text)
    assert said in str(unreadable.value)
    assert "hunter2" not in str(unreadable.value)


@pytest.mark.parametrize("secret", ["short", "whsec_QUJD", "whsec_é"])
def test_a_secret_that_standard_webhooks_would_not_take_is_refused_and_not_shown(
    folder: Path, secret: str
) -> None:
    (folder / "old.secret").write_text(secret, encoding="utf-8")
    with pytest.raises(HooksUnreadable) as unreadable:
        load(folder, PORTAL)
    assert secret not in str(unreadable.value)


def test_hooks_are_described_without_their_secrets(folder: Path) -> None:
    hooks = load(folder, PORTAL)
    assert described(hooks) == {"portal": "generic for portal, 2 secret(s)"}
    assert OLD.removeprefix("whsec_") not in repr(list(hooks))
