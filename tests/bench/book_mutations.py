"""Every way to tamper with a book that is tried, each with what verification must say about it."""

from collections.abc import Callable

from tests.bench import book_damage as damage
from tests.bench import book_forgeries as forgeries
from tests.bench.book_victim import Expected, Victim

MUTATIONS: tuple[Callable[[Victim], Expected], ...] = (
    forgeries.change_value,
    forgeries.change_salt_or_digest,
    forgeries.flip_byte_of_document,
    forgeries.forge_digest,
    forgeries.forge_record,
    forgeries.forge_chain,
    forgeries.forge_chain_and_seal,
    forgeries.cut_tail_and_seal,
    forgeries.field_taken_or_added,
    forgeries.field_masked,
    forgeries.header_changed,
    forgeries.delete_records,
    forgeries.delete_last,
    forgeries.delete_contract,
    forgeries.delete_and_close_up,
    forgeries.insert_at_end,
    forgeries.insert_between,
    forgeries.insert_odd_number,
    forgeries.insert_contract,
    forgeries.swap_documents,
    forgeries.swap_rows,
    forgeries.swap_between_contracts,
    forgeries.move_to_other_contract,
    forgeries.change_column,
    forgeries.garbage_document,
    damage.flip_byte_of_blob,
    damage.truncate_blob,
    damage.replace_blob,
    damage.swap_blobs,
    damage.lose_blob,
    damage.change_seal,
    damage.change_trigger,
    damage.change_schema,
    damage.flip_salt_in_file,
    damage.damage_file,
    damage.damage_page,
)
