"""What a lab host pretends to be: the files by which a system tells its name and release."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Path → content; None: the base has it, and this system does not.
Files = Mapping[str, str | None]


def os_release(**values: str) -> str:
    return "".join(f'{key}="{value}"\n' for key, value in values.items())


@dataclass(frozen=True)
class System:
    """`files` tell what it is. `old_ssh`: only the algorithms of its time."""

    os: str
    version: str
    files: Files = field(default_factory=dict)
    old_ssh: bool = False


def redhat(line: str) -> Files:
    return {"etc/redhat-release": f"{line}\n", "etc/system-release": f"{line}\n", "etc/debian_version": None}


CENTOS_6 = System(
    "centos",
    "6.10",
    {
        **redhat("CentOS release 6.10 (Final)"),
        "etc/centos-release": "CentOS release 6.10 (Final)\n",
        "usr/lib/os-release": None,
    },
    old_ssh=True,
)
CENTOS_7 = System(
    "centos",
    "7.9",
    {
        **redhat("CentOS Linux release 7.9.2009 (Core)"),
        "etc/centos-release": "CentOS Linux release 7.9.2009 (Core)\n",
        "usr/lib/os-release": os_release(
            NAME="CentOS Linux",
            VERSION="7 (Core)",
            ID="centos",
            ID_LIKE="rhel fedora",
            VERSION_ID="7",
            PRETTY_NAME="CentOS Linux 7 (Core)",
            CPE_NAME="cpe:/o:centos:centos:7",
        ),
    },
)
RHEL_7 = System(
    "redhat",
    "7.9",
    {
        **redhat("Red Hat Enterprise Linux Server release 7.9 (Maipo)"),
        "usr/lib/os-release": os_release(
            NAME="Red Hat Enterprise Linux Server",
            VERSION="7.9 (Maipo)",
            ID="rhel",
            ID_LIKE="fedora",
            VARIANT="Server",
            VERSION_ID="7.9",
            PRETTY_NAME="Red Hat Enterprise Linux Server 7.9 (Maipo)",
            CPE_NAME="cpe:/o:redhat:enterprise_linux:7.9:GA:server",
        ),
    },
)
RHEL_8 = System(
    "redhat",
    "8.10",
    {
        **redhat("Red Hat Enterprise Linux release 8.10 (Ootpa)"),
        "usr/lib/os-release": os_release(
            NAME="Red Hat Enterprise Linux",
            VERSION="8.10 (Ootpa)",
            ID="rhel",
            ID_LIKE="fedora",
            VERSION_ID="8.10",
            PLATFORM_ID="platform:el8",
            PRETTY_NAME="Red Hat Enterprise Linux 8.10 (Ootpa)",
        ),
    },
)
KYLIN_SERVER = System(
    "kylin",
    "V10",
    {
        **redhat("Kylin Linux Advanced Server release V10 (Lance)"),
        "etc/redhat-release": None,
        "etc/kylin-release": "Kylin Linux Advanced Server release V10 (Lance)\n",
        "usr/lib/os-release": os_release(
            NAME="Kylin Linux Advanced Server",
            VERSION="V10 (Lance)",
            ID="kylin",
            VERSION_ID="V10",
            PRETTY_NAME="Kylin Linux Advanced Server V10 (Lance)",
        ),
    },
)
# The desktop descends from Debian and keeps its files.
KYLIN_DESKTOP = System(
    "kylin",
    "V10",
    {
        "etc/kylin-release": "Kylin V10 SP1\n",
        "usr/lib/os-release": os_release(
            NAME="Kylin",
            VERSION="V10 (SP1)",
            ID="kylin",
            ID_LIKE="debian",
            VERSION_ID="v10",
            PRETTY_NAME="Kylin V10 SP1",
            PROJECT_CODENAME="V10SP1",
        ),
    },
)
DEBIAN = System("debian", "12")

ALL = (CENTOS_7, RHEL_7, KYLIN_SERVER, CENTOS_6, RHEL_8, KYLIN_DESKTOP, DEBIAN)
WITH_SYSTEMD = (CENTOS_7, RHEL_7, KYLIN_SERVER)
