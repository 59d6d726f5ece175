"""The DBA_ views of a healthy database: what only an open one shows. SYNTHETIC, as all of it is."""

from collections.abc import Iterator, Sequence

from tests.lab.oracle.plan import BLOCK, GIB, LARGEST, Plan, Row, Space


def stored_rows(plan: Plan) -> Iterator[tuple[str, list[Row]]]:
    for view, made in (
        ("tablespaces", lambda container: tablespaces(container, plan.spaces)),
        ("free_space", lambda container: free(container, plan.spaces)),
        ("tablespace_usage_metrics", lambda container: metrics(container, plan.spaces)),
        ("temp_files", lambda container: [temp_file(plan, container)]),
        ("temp_free_space", lambda container: [temp_space(container)]),
        ("undo_extents", lambda container: undo_extents(container, plan.spaces)),
        ("objects", lambda container: objects(plan, container)),
        ("users", lambda container: users(plan, container)),
        ("registry", lambda container: registry(plan, container)),
        ("registry_sqlpatch", lambda container: [patch(plan, container)]),
    ):
        yield f"cdb_{view}", [row for container in plan.containers for row in made(container)]
    banner = {"product": "Oracle Database Enterprise Edition", "status": "Production"}
    yield "product_component_version", [{**banner, "version": plan.shown, "version_full": plan.full}]


def tablespaces(container: int, spaces: Sequence[Space]) -> list[Row]:
    named = [(name, contents) for name, contents, *_ in spaces] + [("TEMP", "TEMPORARY")]
    return [
        {
            "tablespace_name": name,
            "block_size": BLOCK,
            "status": "ONLINE",
            "contents": contents,
            "logging": "LOGGING" if contents != "TEMPORARY" else "NOLOGGING",
            "force_logging": "NO",
            "extent_management": "LOCAL",
            "allocation_type": "SYSTEM",
            "segment_space_management": "AUTO",
            "retention": "NOGUARANTEE" if contents == "UNDO" else "NOT APPLY",
            "bigfile": "NO",
            "encrypted": "NO",
            "con_id": container,
        }
        for name, contents in named
    ]


def free(container: int, spaces: Sequence[Space]) -> list[Row]:
    """In two pieces, as it comes."""
    return [
        {
            "tablespace_name": name,
            "file_id": number,
            "block_id": 1280 * piece,
            "bytes": int(left * GIB * share),
            "blocks": int(left * GIB * share) // BLOCK,
            "relative_fno": number,
            "con_id": container,
        }
        for number, (name, _, _, left, _) in enumerate(spaces, 1)
        for piece, share in ((1, 0.75), (2, 0.25))
    ]


def metrics(container: int, spaces: Sequence[Space]) -> list[Row]:
    rows: list[Row] = []
    for name, _, size, left, grows in spaces:
        used, whole = (size - left) * GIB / BLOCK, (LARGEST if grows else size * GIB) / BLOCK
        rows.append(
            {
                "tablespace_name": name,
                "used_space": int(used),
                "tablespace_size": int(whole),
                "used_percent": round(100 * used / whole, 2),
                "con_id": container,
            }
        )
    return rows


def temp_file(plan: Plan, container: int) -> Row:
    return {
        "file_name": plan.path(container, "TEMP"),
        "file_id": 1,
        "tablespace_name": "TEMP",
        "bytes": 8 * GIB,
        "blocks": 8 * GIB // BLOCK,
        "status": "ONLINE",
        "relative_fno": 1,
        "autoextensible": "YES",
        "maxbytes": LARGEST,
        "maxblocks": LARGEST // BLOCK,
        "increment_by": 80,
        "user_bytes": 8 * GIB - 1024**2,
        "con_id": container,
    }


def temp_space(container: int) -> Row:
    return {
        "tablespace_name": "TEMP",
        "tablespace_size": 8 * GIB,
        "allocated_space": 2 * GIB,
        "free_space": int(7.8 * GIB),
        "shared": "SHARED",
        "con_id": container,
    }


def undo_extents(container: int, spaces: Sequence[Space]) -> list[Row]:
    return [
        {
            "owner": "SYS",
            "segment_name": f"_SYSSMU{at}$",
            "tablespace_name": name,
            "extent_id": at,
            "bytes": megabytes * 1024**2,
            "blocks": megabytes * 1024**2 // BLOCK,
            "status": status,
            "con_id": container,
        }
        for name, contents, *_ in spaces
        if contents == "UNDO"
        for at, (status, megabytes) in enumerate((("ACTIVE", 16), ("UNEXPIRED", 240), ("EXPIRED", 700)), 1)
    ]


def objects(plan: Plan, container: int) -> list[Row]:
    base = {"created": plan.ago(days=800), "last_ddl_time": plan.ago(days=60), "temporary": "N"}
    return [
        {
            "owner": owner,
            "object_name": name,
            "object_id": 70000 + at,
            "object_type": kind,
            "status": "VALID",
            "oracle_maintained": "Y" if owner == "SYS" else "N",
            "con_id": container,
            **base,
        }
        for at, (owner, name, kind) in enumerate(
            (
                ("SYS", "DBMS_STATS", "PACKAGE"),
                ("APP", "ORDERS", "TABLE"),
                ("APP", "ORDER_API", "PACKAGE BODY"),
                ("APP", "ORDERS_V", "VIEW"),
            )
        )
    ]


def users(plan: Plan, container: int) -> list[Row]:
    return [
        {
            "username": name,
            "user_id": 100 + at,
            "account_status": "OPEN",
            "default_tablespace": "SYSTEM" if name == "SYS" else "USERS",
            "temporary_tablespace": "TEMP",
            "created": plan.ago(days=900),
            "profile": "DEFAULT",
            "authentication_type": "PASSWORD",
            "oracle_maintained": "Y" if name == "SYS" else "N",
            "con_id": container,
        }
        for at, name in enumerate(("SYS", "OPSPROOF", "APP"))
    ]


def registry(plan: Plan, container: int) -> list[Row]:
    base = {"version": plan.shown, "version_full": plan.full, "status": "VALID", "namespace": "SERVER"}
    return [
        {"comp_id": comp, "comp_name": name, "schema": "SYS", "con_id": container, **base}
        for comp, name in (
            ("CATALOG", "Oracle Database Catalog Views"),
            ("CATPROC", "Oracle Database Packages and Types"),
        )
    ]


def patch(plan: Plan, container: int) -> Row:
    return {
        "install_id": 1,
        "patch_id": 35943157,
        "patch_uid": 25527362,
        "patch_type": "RU",
        "action": "APPLY",
        "status": "SUCCESS",
        "action_time": plan.ago(days=120),
        "description": f"Database Release Update : {plan.full}",
        "target_version": plan.full,
        "con_id": container,
    }
