"""The process that registers deployments and starts their runs; `python -m flows.runner`.

It follows the book and the inventories: what is activated, deactivated or changed there is served,
paused or served anew within seconds, without stopping a run.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from prefect import get_client
from prefect.automations import Automation, EventTrigger, Posture
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.runner import Runner

from flows.deployments import OURS, deployments
from tasks.contracts.activation import active
from tasks.errors import OpsError
from tasks.home import Home, home
from tasks.records import Book
from tasks.texts import t

LOOK_EVERY = 5.0  # seconds
# Most of them wait: for hosts, or for a change that has their contract.
RUNS_AT_ONCE = 16
# A run whose process died without a word: no heartbeat (one every 30 s) for so long.
SILENT = 90

HEARTBEAT = "prefect.flow-run.heartbeat"


class Served(Runner):
    def handle_sigterm(self, *_: object) -> None:
        """Prefect's own forgets to await what it starts here; leaving is enough, `start` cleans up."""
        raise SystemExit(0)


async def main() -> None:
    here = home()
    await ensure_heartbeat_automation()
    runner = Served(name=OURS, pause_on_shutdown=False, limit=RUNS_AT_ONCE, query_seconds=LOOK_EVERY)
    following = asyncio.create_task(follow(here, runner))
    try:
        await runner.start()
    finally:
        following.cancel()


async def follow(here: Home, runner: Runner) -> None:
    served: dict[str, float] = {}
    while True:
        wanted = await asyncio.to_thread(stamps, here)
        if wanted != served:
            served = wanted
            kept = await serve(here, runner, wanted)
            await pause_others(kept)
            (here.run / "deployments").write_text("\n".join(sorted(wanted)), "utf-8")
        await asyncio.sleep(LOOK_EVERY)


def stamps(here: Home) -> dict[str, float]:
    """The active contracts, each with the time of the last change to its files."""
    return {code: changed(here.inventories, code) for code in active(Book(here.book))}


def changed(inventories: Path, code: str) -> float:
    files = [inventories / "contracts" / f"{code}.yml", *(inventories / code).glob("*.yml")]
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


async def serve(here: Home, runner: Runner, contracts: dict[str, float]) -> set[UUID]:
    """Register the deployments of each contract; one with a mistake in its files keeps what it had."""
    kept: set[UUID] = set()
    for code in contracts:
        try:
            made = await asyncio.to_thread(deployments, here, code)
        except OpsError as problem:
            print(t("serve.contract_broken", contract=code, problem=problem), file=sys.stderr, flush=True)
            kept |= await ids(code)
            continue
        kept |= {await runner.aadd_deployment(one) for one in made}
    return kept


async def ids(*tags: str) -> set[UUID]:
    wanted = DeploymentFilter(tags=DeploymentFilterTags(all_=[OURS, *tags]))
    async with get_client() as client:
        return {found.id for found in await client.read_deployments(deployment_filter=wanted)}


async def pause_others(kept: set[UUID]) -> None:
    """What is no longer active keeps its history in the UI, and runs no more."""
    async with get_client() as client:
        for other in await ids() - kept:
            await client.pause_deployment(other)


async def ensure_heartbeat_automation() -> None:
    """Prefect does not bring it along: without it a dead process leaves its run `Running` forever."""
    name = t("serve.heartbeat_name")
    async with get_client() as client:
        if await client.read_automations_by_name(name):
            return
    automation = Automation(
        name=name,
        description=t("serve.heartbeat_about"),
        trigger=EventTrigger(
            after={HEARTBEAT},
            # A heartbeat, or any end: our final states carry Chinese names, and so do their events.
            expect={"prefect.flow-run.*"},
            match={"prefect.resource.id": ["prefect.flow-run.*"]},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=SILENT),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=t("serve.heartbeat_lost"))],
    )
    await automation.acreate()


if __name__ == "__main__":
    asyncio.run(main())
