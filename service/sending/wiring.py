"""What the composition roots need of sending: the stores for the API, and the dispatcher for the workers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.database import Database
from service.directory import RegisterDirectory
from service.guarded import Guard, GuardedTransport
from service.outgoing import Outgoing
from service.sending.channel_book import ChannelBook
from service.sending.dispatcher import LONGEST_ATTEMPT, Dispatcher
from service.sending.letters import LetterChannel
from service.sending.links import DecisionLinks
from service.sending.messages import Messages, Style
from service.sending.people import Recipients
from service.sending.ports import Audience, Channel
from service.sending.preferences import Preferences
from service.sending.subscriptions import CHANNEL, Subscriptions
from service.sending.webhooks import WebhookChannel, require_target
from service.settings import Settings


@dataclass(frozen=True)
class Sending:
    """What people set about sending."""

    subscriptions: Subscriptions
    preferences: Preferences
    links: DecisionLinks
    channels: ChannelBook
    guard: Guard

    async def require_target(self, url: str) -> None:
        """Raises TargetForbidden: events are not posted there."""
        await require_target(url, self.guard)


def open_sending(settings: Settings, database: Database) -> Sending:
    """Raises ChannelsUnreadable."""
    key = settings.secret_key.get_secret_value().encode()
    return Sending(
        Subscriptions(database, key),
        Preferences(database),
        DecisionLinks(database, key),
        ChannelBook.load(settings.channels),
        Guard(settings.outgoing_allow),
    )


@dataclass(frozen=True)
class Post:
    """The dispatcher, and the connections it works with."""

    dispatcher: Dispatcher
    connections: tuple[Outgoing, ...]

    async def aclose(self) -> None:
        for connection in self.connections:
            await connection.aclose()


def open_post(
    settings: Settings,
    database: Database,
    directory: RegisterDirectory,
    channels: Mapping[str, Channel] | None = None,
    audiences: Sequence[Audience] = (),
) -> Post:
    """Everything that is sent. Further channels, and audiences that use them, may be given.

    Raises:
        ChannelsUnreadable: the file of channels is absent or wrong, or a secret that it refers to.
    """
    sending = open_sending(settings, database)
    # Subscribers name addresses themselves; those of the channels are the operators' own, often inside.
    longest = LONGEST_ATTEMPT.total_seconds()
    guarded, plain = Outgoing(GuardedTransport(sending.guard), longest), Outgoing()
    public_url = settings.public_url or f"http://{settings.host}:{settings.port}"
    letters = {
        name: LetterChannel(courier, sending.links, public_url)
        for name, courier in sending.channels.couriers(plain).items()
    }
    everything: dict[str, Channel] = {
        CHANNEL: WebhookChannel(sending.subscriptions, guarded),
        **letters,
        **(channels or {}),
    }
    recipients = Recipients(database, directory)
    messages = Messages(sending.channels, recipients, sending.preferences, Style(settings.message_language))
    dispatcher = Dispatcher(database, everything, [sending.subscriptions, messages, *audiences])
    return Post(dispatcher, (guarded, plain))
