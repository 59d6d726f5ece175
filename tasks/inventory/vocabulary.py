"""The words that tie duties to work: what a record is about, what did it, when it is owed.

Code names topics and routines, contracts name duties, and only these words join the two. A word
that is not here is an error with a suggestion, so a misspelt topic never leaves a duty unmet.
"""

from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from tasks.inventory.suggest import meant
from tasks.texts import t


class Topic(StrEnum):
    """What a record or a finding is about."""

    # Hosts.
    DISK = "disk"
    VOLUMES = "volumes"
    SWAP = "swap"
    CPU = "cpu"
    MEMORY = "memory"
    NETWORK = "network"
    UPTIME = "uptime"
    TIME = "time"
    LOGINS = "logins"
    ACCOUNTS = "accounts"
    PORTS = "ports"
    SECURITY = "security"
    SERVICES = "services"
    PROCESSES = "processes"
    ZOMBIES = "zombies"
    SYSTEM_LOG = "system-log"
    TMP = "tmp"
    FILESYSTEM = "filesystem"
    MOUNTS = "mounts"
    FTP = "ftp"
    ANTIVIRUS = "antivirus"
    LICENCE = "licence"
    # Databases.
    DATABASE = "database"
    DATAFILES = "datafiles"
    TEMP_TABLESPACE = "temp-tablespace"
    TABLESPACE = "tablespace"
    ARCHIVELOG = "archivelog"
    DATABASE_LOG = "database-log"
    PERFORMANCE = "performance"
    REPLICATION = "replication"
    INTEGRITY = "integrity"
    AVAILABILITY = "availability"
    SWITCHOVER = "switchover"
    # What runs on them.
    MIDDLEWARE = "middleware"
    APPLICATION = "application"
    APPLICATION_LOG = "application-log"
    WEBSITE = "website"
    TAMPER = "tamper"
    MALWARE = "malware"
    SENSITIVE_WORDS = "sensitive-words"
    CERTIFICATE = "certificate"
    SCAN = "scan"
    DEVICE = "device"
    REPAIR = "repair"
    CLOUD = "cloud"
    # Backups.
    BACKUP = "backup"
    BACKUP_PLAN = "backup.plan"
    BACKUP_PROOF = "backup.proof"
    BACKUP_RETENTION = "backup.retention"
    RESTORE = "restore"
    # Changes.
    PATCH = "patch"
    DATABASE_PATCH = "patch.database"
    HARDENING = "hardening"
    POLICY = "policy"
    SERVICE = "service"
    TUNING = "tuning"
    CHANGE = "change"
    # People, plans, documents.
    DRILL = "drill"
    PLAN = "plan"
    WATCH = "watch"
    INCIDENT = "incident"
    KNOWLEDGE = "knowledge"
    SESSION = "session"
    LEDGER = "ledger"
    REPORT = "report"
    ACCEPTANCE = "acceptance"
    WORKLOG = "worklog"
    PASSWORD = "password"  # noqa: S105 - the word itself
    LEAK = "leak"
    TRAINING = "training"
    CORPUS = "corpus"
    OPTIMISATION = "optimisation"
    RELEASE = "release"
    SCORE = "score"
    HANDOVER = "handover"
    PURGE = "purge"


class Routine(StrEnum):
    """What does the work: a flow, or people whose evidence the tool keeps."""

    INSPECTION = "inspection"
    DATABASE_INSPECTION = "database-inspection"
    SITE_CHECK = "site-check"
    DEVICE_INSPECTION = "device-inspection"
    SITE_WATCH = "site-watch"
    AVAILABILITY = "availability"
    SCAN = "scan"
    BACKUP = "backup"
    BACKUP_CHECK = "backup-check"
    PLAN_CHECK = "plan-check"
    BACKUP_PROOF = "backup-proof"
    PATCH = "patch"
    HARDENING = "hardening"
    LOG_ANALYSIS = "log-analysis"
    DRILL = "drill"
    SWITCHOVER = "switchover"
    SERVICE = "service"
    WATCH = "watch"
    INCIDENT = "incident"
    CHANGE = "change"
    CLOUD = "cloud"
    LEDGER = "ledger"
    SESSION = "session"
    PERFORMANCE_REVIEW = "performance-review"
    REPORT_WEEKLY = "report-weekly"
    REPORT_MONTHLY = "report-monthly"
    REPORT_QUARTERLY = "report-quarterly"
    REPORT_HALF_YEARLY = "report-half-yearly"
    REPORT_YEARLY = "report-yearly"
    REPORT_STAGE = "report-stage"
    REPORT_FINAL = "report-final"
    WORKLOG = "worklog"
    SCORE = "score"
    PASSWORD = "password"  # noqa: S105 - the word itself
    HANDOVER = "handover"
    PURGE = "purge"
    ENTRY = "entry"


# Done every few minutes, with one record a day: such a routine is due once a day.
CONTINUOUS = frozenset({Routine.AVAILABILITY})


class Every(StrEnum):
    """How often something is owed: once per period, or once per occasion."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half-year"
    YEAR = "year"
    STAGE = "stage"
    TERM = "term"
    PERIOD = "period"
    SCHEDULE = "schedule"
    CONTINUOUS = "continuous"
    NEED = "need"
    CHANGE = "change"
    INCIDENT = "incident"
    EVENT = "event"
    SESSION = "session"
    ITEM = "item"
    HOLIDAY = "holiday"
    KEY_PERIOD = "key-period"


class Anchor(StrEnum):
    """What a due date is counted from."""

    SIGNING = "signing"
    TERM_START = "term-start"
    TERM_END = "term-end"
    PERIOD_END = "period-end"
    PERIOD_START = "period-start"
    STAGE_END = "stage-end"
    APPLICATION = "application"
    REQUEST = "request"
    NOTICE = "notice"
    EVENT = "event"
    CLEARED = "cleared"
    CHANGE_CONFIRMED = "change-confirmed"
    GO_LIVE = "go-live"


class Measure(StrEnum):
    """What a threshold is about."""

    AVAILABILITY = "availability"
    SWITCHOVER = "switchover"
    RESPOND = "respond"
    SOLVE = "solve"
    RESTORE = "restore"
    ON_SITE = "on-site"
    DISPATCH = "dispatch"
    REPORT_PHONE = "report.phone"
    REPORT_WRITTEN = "report.written"
    REPORT_PROBLEM = "report.problem"
    LOSS = "loss"
    PROTECTION = "protection"
    SITES = "sites"
    DEVICES = "devices"
    DEVICE_KINDS = "device-kinds"
    COPIES = "copies"
    HOURS_A_DAY = "hours-a-day"
    LEDGER_UPDATE = "ledger-update"


def one_of(kind: type[StrEnum]) -> BeforeValidator:
    """A member of `kind`; the list of all words is too long to be the error text."""

    def check(value: object) -> object:
        words = [word.value for word in kind]
        if str(value) not in words:
            raise PydanticCustomError("unknown_word", t("contract.not_a_word") + meant(str(value), words))
        return value

    return BeforeValidator(check)


KnownTopic: TypeAlias = Annotated[Topic, one_of(Topic)]
KnownRoutine: TypeAlias = Annotated[Routine, one_of(Routine)]
KnownEvery: TypeAlias = Annotated[Every, one_of(Every)]
KnownAnchor: TypeAlias = Annotated[Anchor, one_of(Anchor)]
KnownMeasure: TypeAlias = Annotated[Measure, one_of(Measure)]
