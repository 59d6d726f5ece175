"""Names as the server writes them into names of files: `@4e2d` for each character that is no plain one."""

import re


def readable(name: str) -> str:
    return re.sub(r"@([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), name)
