"""Start a deployment's run on the server and wait for its end; `python -m flows.start_run`."""

import subprocess
import sys
from collections.abc import Mapping

from tasks.errors import OpsError
from tasks.texts import t

# Loading Prefect and the flow takes a run's process 5 s on two idle cores.
SECONDS = 300


def start_and_wait(contract: str, routine: str, environment: Mapping[str, str]) -> None:
    """In a process of its own: Prefect reads its settings, the login among them, once at import."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "flows.start_run", contract, routine],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS + 30,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired as slow:
        raise OpsError(t("serve.run_failed", reason=t("serve.too_slow"))) from slow
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise OpsError(t("serve.run_failed", reason=" ".join(reason)))


def main(contract: str, code: str) -> int:
    from prefect.client.schemas.objects import FlowRun
    from prefect.deployments import run_deployment

    from flows.prefect_run import FIRST
    from flows.routine import titled

    name = f"{contract}/{titled(code)}"
    run = run_deployment(name, timeout=SECONDS, poll_interval=0.5, tags=[FIRST])
    state = run.state if isinstance(run, FlowRun) else None
    if state is None or not state.is_completed():
        print(state.message if state else t("serve.too_slow"), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
