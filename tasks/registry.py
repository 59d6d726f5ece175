"""Pieces that live one file each in a folder, register themselves, and are found by name."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """The pieces of one package, each in the module of its name: that alone is imported for it."""

    def __init__(self, package: str) -> None:
        self.package = package
        self._found: dict[str, T] = {}
        self._loaded = False

    def add(self, name: str) -> Callable[[T], T]:
        """Decorate a piece with the name it is found by."""

        def register(piece: T) -> T:
            if name in self._found:
                raise ValueError(f"two pieces of {self.package} are named {name}")
            self._found[name] = piece
            return piece

        return register

    def all(self) -> dict[str, T]:
        """Every piece, by name."""
        if not self._loaded:
            package = importlib.import_module(self.package)
            for module in pkgutil.walk_packages(package.__path__, f"{self.package}."):
                importlib.import_module(module.name)
            self._loaded = True
        return dict(sorted(self._found.items()))

    def get(self, name: str) -> T | None:
        module = name.replace("-", "_")
        if name not in self._found and module.isidentifier():
            wanted = f"{self.package}.{module}"
            if importlib.util.find_spec(wanted):
                importlib.import_module(wanted)
        return self._found[name] if name in self._found else self.all().get(name)
