"""A site: visited once, for the page and its certificate alike."""

from tasks.checks import Check, checks_for
from tasks.inspection.ways import WAYS, Answer, Question, measured
from tasks.model import Site
from tasks.transports import web


@WAYS.add("site")
class Sites:
    def checks(self, target: Site) -> tuple[Check, ...]:
        return checks_for("web")

    def ask(self, question: Question) -> Answer:
        site: Site = question.target
        seen = measured(f"{site.method} {site.url}", lambda: web.look(site, question.access))
        return Answer({one.name: seen for one in question.checks})
