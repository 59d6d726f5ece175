"""Directories of a Windows host over WinRM. SYNTHETIC: never tried on a real Windows."""

from tasks.backups import METHODS, Order
from tasks.backups.files.windows import Windows, windows_of
from tasks.backups.methods.files import Files


@METHODS.add("files-windows")
class FilesWindows(Files):
    serves = ("host", "windows")

    def source(self, order: Order) -> Windows:
        return windows_of(order)
