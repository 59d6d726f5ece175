"""A database: every query over one connection."""

from tasks.checks import Check, checks_for
from tasks.databases import open_engine
from tasks.inspection.ways import WAYS, Answer, Question
from tasks.model import Database


@WAYS.add("database")
class Databases:
    def checks(self, target: Database) -> tuple[Check, ...]:
        return checks_for(target.engine)

    def ask(self, question: Question) -> Answer:
        database: Database = question.target
        return Answer(open_engine(database).ask(database, question.checks))
