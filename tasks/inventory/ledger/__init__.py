"""Ledger workbooks, out of the inventory and back into it.

Out: `rows.current` → `export.workbook`. In: `workbook.read_sheets` → `table.read_tables` →
`difference.compare` → `apply.apply`, which writes YAML only when the whole inventory still loads.
"""
