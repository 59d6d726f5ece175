"""The server's half of a login: O5LOGON with the 12c verifier, which really checks the password."""

import hashlib
import secrets
from dataclasses import dataclass, field

from tests.lab.oracle.wire import Reader, aes

VERIFIER_12C = 0x4815
SYSDBA = 0x20
# SYSDBA, SYSOPER, SYSASM, SYSBACKUP, SYSDG, SYSKM: whoever may log in before a database is open.
ADMINISTRATOR = SYSDBA | 0x40 | 0x00400000 | 0x01000000 | 0x02000000 | 0x04000000
# What the client and the server count in their key derivations; small: a test logs in often.
ROUNDS, SESSION_ROUNDS = 4096, 3
# Name, value, flag.
Pair = tuple[str, str, int]


@dataclass
class Asked:
    user: str
    mode: int
    said: dict[str, str]

    @classmethod
    def read(cls, reader: Reader) -> "Asked":
        reader.byte()
        reader.number()
        mode = reader.number()
        reader.byte()
        count = reader.number()
        reader.raw(2)
        user = (reader.chunk() or b"").decode().strip('"').upper()
        said = {}
        for _ in range(count):
            name = (reader.sized() or b"").decode()
            said[name] = (reader.sized() or b"").decode()
            reader.number()
        return cls(user, mode, said)


@dataclass
class Login:
    """An account that does not exist is asked for its password all the same, and never has it."""

    password: str
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    session_salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def __post_init__(self) -> None:
        salt = self.salt + b"AUTH_PBKDF2_SPEEDY_KEY"
        key = hashlib.pbkdf2_hmac("sha512", self.password.encode(), salt, ROUNDS, 64)
        self.hash = hashlib.sha512(key + self.salt).digest()[:32]

    def challenge(self) -> list[Pair]:
        return [
            ("AUTH_SESSKEY", aes(self.hash, self.secret, encrypt=True).hex().upper(), 1),
            ("AUTH_VFR_DATA", self.salt.hex().upper(), VERIFIER_12C),
            ("AUTH_PBKDF2_CSK_SALT", self.session_salt.hex().upper(), 0),
            ("AUTH_PBKDF2_VGEN_COUNT", str(ROUNDS), 0),
            ("AUTH_PBKDF2_SDER_COUNT", str(SESSION_ROUNDS), 0),
        ]

    def key(self, said: dict[str, str]) -> bytes:
        theirs = aes(self.hash, bytes.fromhex(said["AUTH_SESSKEY"]), encrypt=False)
        both = (theirs[:32] + self.secret).hex().upper().encode()
        return hashlib.pbkdf2_hmac("sha512", both, self.session_salt, SESSION_ROUNDS, 32)

    def right(self, said: dict[str, str]) -> bool:
        given = aes(self.key(said), bytes.fromhex(said["AUTH_PASSWORD"]), encrypt=False)
        return given[16 : len(given) - given[-1]] == self.password.encode()

    def proof(self, said: dict[str, str]) -> Pair:
        """That the server knows the password, too."""
        text = secrets.token_bytes(16) + b"SERVER_TO_CLIENT" + b"\x10" * 16
        return ("AUTH_SVR_RESPONSE", aes(self.key(said), text, encrypt=True).hex().upper(), 0)
