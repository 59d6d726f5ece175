"""What somebody saw in front of a device goes into the book, from the command line and from the form."""

from tasks import clock
from tasks.contracts.activation import active
from tasks.errors import Refused
from tasks.home import home
from tasks.inspection.manual import Look, register
from tasks.people.codes import Rejected, accept
from tasks.records import Book, Entry
from tasks.texts import t


def entered(contract: str, look: Look, code: str | None = None) -> Entry:
    """With a one-time code where nobody knows who it is."""
    house, now = home(), clock.now()
    book = Book(house.ready(house.book))
    if contract not in active(book):
        raise Refused(t("device.inactive", contract=contract))

    def sign() -> None:
        answer = None if code is None else accept(house, look.by, code, now)
        if isinstance(answer, Rejected):
            raise Refused(answer.reason)

    return register(house, book, contract, look, now, sign)
