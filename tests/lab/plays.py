"""One playbook run by the engine alone, in a process of its own that can be killed: no flow, no record.

usage: python -m tests.lab.plays CONTRACT PLAYBOOK RUN
"""

import json
import sys

from tasks.home import Home, home
from tasks.inventory import load
from tasks.inventory.credentials import Keyring
from tasks.model import Host
from tasks.playbooks import Site
from tasks.playbooks.journal import Journal
from tasks.playbooks.library import named
from tasks.playbooks.plan import made
from tasks.playbooks.runner import Result, Runner
from tasks.transports import Access


def runner(here: Home, contract: str, name: str, run: str) -> Runner:
    inventory = load(here.inventories, contract=contract)
    targets = {one.name: one for one in inventory.targets(contract=contract)}
    hosts = {one.name: one for one in targets.values() if isinstance(one, Host)}
    access = Access(Keyring(here), hosts)
    site = Site(home=here, contract=contract, targets=targets, access=access)
    return Runner(made(named(here, contract, name), inventory), site, Journal(here, run))


def told(result: Result) -> str:
    standing = {key: [str(seen.holds), seen.text] for key, seen in result.standing}
    return json.dumps({"end": result.end, "reason": result.reason, "standing": standing}, ensure_ascii=False)


if __name__ == "__main__":
    print(told(runner(home(), *sys.argv[1:]).run()))
