"""Letters by e-mail."""

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import aiosmtplib
from typing_extensions import override

from service.sending.letters import Courier, Letter
from service.sending.ports import Undelivered

_TIMEOUT = 20.0
_PERMANENT = 500


@dataclass(frozen=True)
class MailServer:
    host: str
    port: int
    sender: str
    tls: str = "starttls"
    """`starttls`, `tls`, or `none` where the way there is safe."""
    user: str | None = None
    password: str | None = None


class MailCourier(Courier):
    """One connection for each letter: they are few, and a broken one harms no other."""

    def __init__(self, server: MailServer, per_minute: int | None = None) -> None:
        self._server, self.per_minute = server, per_minute

    @override
    async def deliver(self, letter: Letter, at: datetime) -> None:
        server = self._server
        try:
            await aiosmtplib.send(
                _compose(letter, server, at),
                hostname=server.host,
                port=server.port,
                username=server.user,
                password=server.password,
                use_tls=server.tls == "tls",
                start_tls=server.tls == "starttls",
                timeout=_TIMEOUT,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            worst = max((refused.code for refused in error.recipients), default=0)
            raise Undelivered(f"recipient refused: {worst}", is_final=worst >= _PERMANENT) from error
        except aiosmtplib.SMTPAuthenticationError as error:
            # About us and not about this letter: what is set right later must not have cost any.
            raise Undelivered(f"the mail server does not let us in: {error.code}") from error
        except aiosmtplib.SMTPResponseException as error:
            raise Undelivered(f"SMTP {error.code}", is_final=error.code >= _PERMANENT) from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise Undelivered(f"{server.host}: {type(error).__name__}") from error


def _compose(letter: Letter, server: MailServer, at: datetime) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = server.sender
    message["To"] = letter.address
    message["Subject"] = " ".join(letter.title.split())
    message["Date"] = format_datetime(at)
    # Sent again, it is the same message to whoever sorts mail by this.
    message["Message-ID"] = f"<{letter.id}@{server.sender.rpartition('@')[2] or 'unclose'}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{letter.text}\n\n{letter.link}\n")
    return message
