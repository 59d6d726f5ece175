"""The product's own log: Prefect shows it on a run's page, the command line on the terminal."""

import logging

log = logging.getLogger("opsproof")
log.setLevel(logging.INFO)
