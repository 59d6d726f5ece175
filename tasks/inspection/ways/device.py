"""A device: whether it answers. One that has no network is looked at by people."""

from tasks.checks import Check, checks_for
from tasks.errors import OpsError
from tasks.inspection.ways import WAYS, Answer, Question, measured
from tasks.model import Device
from tasks.texts import t
from tasks.transports import reach


@WAYS.add("device")
class Devices:
    def checks(self, target: Device) -> tuple[Check, ...]:
        return checks_for("device")

    def ask(self, question: Question) -> Answer:
        device: Device = question.target
        if device.reach == "manual":
            raise OpsError(t("device.manual", name=device.name, contract=device.contract))
        command = f"{device.reach} {device.address}" + (f":{device.port}" if device.port else "")
        seen = measured(command, lambda: reach.look(device, question.access))
        return Answer({one.name: seen for one in question.checks})
