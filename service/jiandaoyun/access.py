"""Whether forms are read here at all, and with which key: all that most commands need to know of them."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from service.jiandaoyun.forms import Forms, FormsUnreadable
from service.secret_references import SecretMissing, read_secret

FILE = "jiandaoyun.toml"


@dataclass(frozen=True)
class Access:
    """The configured forms, and the key to them."""

    forms: Forms
    api_key: SecretStr


def load_access(given: Path | None, data_dir: Path) -> Access | None:
    """The file given, else `jiandaoyun.toml` in the data folder; none without a file.

    Raises:
        FormsUnreadable: the file is wrong, or the key that it refers to is not there.
    """
    path = given or data_dir / FILE
    if given is None and not path.exists():
        return None
    forms = Forms.load(path)
    try:
        return Access(forms, read_secret(forms.api_key, path.absolute().parent))
    except SecretMissing as error:
        raise FormsUnreadable(path, "api_key", str(error)) from error
