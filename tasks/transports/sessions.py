"""All that a command started and left: whatever process groups it made, it is in the session of its shell."""

import contextlib
import os
import subprocess
from pathlib import Path

# The same for the shell of a host, as one line, of the session that `$session` names; whoever runs it
# outlives all others of it. `$4` is a process's session; its name, which comes first, may hold anything.
END = (
    "read -r me _ </proc/self/stat; trap '' TERM; for how in TERM KILL; do for f in /proc/[0-9]*/stat; do "
    '{ read -r line <"$f"; } 2>/dev/null || continue; pid=${line%% *}; set -- ${line##*) }; '
    'if [ "$4" = "$session" ] && [ "$pid" -ne "$me" ]; then kill -$how "$pid"; fi; done; '
    "if [ $how = TERM ]; then sleep 2; fi; done"
)


def end_session(process: "subprocess.Popen[bytes]", how: int) -> None:
    """`process` leads it: `timeout` and `setpgid` give children a group of their own, so that to end the
    shell's group is not enough."""
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == process.pid and (pid != process.pid or process.returncode is None):
                os.kill(pid, how)
