"""Which systems there are: contracts, their targets and thresholds, and the names of credentials.

`load(home().inventories, contract="local")` gives an Inventory; anything wrong is Refused, with
every problem in one pass.
"""

from tasks.inventory.load import Inventory, load, survey

__all__ = ["Inventory", "load", "survey"]
