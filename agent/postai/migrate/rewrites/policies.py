"""Row level security: carried out as given, and said who will see which rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident
from postai.migrate.picture import Relation
from postai.migrate.types import PlannedStep
from postai.migrate.work import Work, expression_text, full_name, subcommand

_DOES = {"all": "see and write", "select": "see", "insert": "add", "update": "change", "delete": "delete"}
_MIGHTY = "superusers and roles with BYPASSRLS"
_CHANGES = {
    # subcommand: position of the state in the answer of row_security, the state that it brings about, the way back
    "AT_EnableRowSecurity": (0, True, "DISABLE"),
    "AT_DisableRowSecurity": (0, False, "ENABLE"),
    "AT_ForceRowSecurity": (1, True, "NO FORCE"),
    "AT_NoForceRowSecurity": (1, False, "FORCE"),
}


def row_security(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """ENABLE, DISABLE, FORCE and NO FORCE ROW LEVEL SECURITY; what is so already has no way back."""
    name = pb.AlterTableType.Name(command.subtype)
    at, wanted, reverse = _CHANGES[name]
    undo = None
    if not relation.new:
        table = relation.full_name
        answer = work.ask("row_security", table)[0]
        owner, policies = quote_ident(answer[2]), ", ".join(map(quote_ident, answer[3])) or "none"
        if answer[at] == wanted:
            work.warn(f"{table} is so already; nothing changes")
        else:
            undo = f"ALTER TABLE {table} {reverse} ROW LEVEL SECURITY"
            work.warn(
                {
                    "AT_EnableRowSecurity": f"from then on nobody but {owner}, {_MIGHTY} sees or writes a row of"
                    f" {table} that no policy lets pass; its policies now: {policies}",
                    "AT_DisableRowSecurity": f"from then on everybody who may read {table} sees all of its rows:"
                    f" its policies ({policies}) are not looked at any more",
                    "AT_ForceRowSecurity": f"from then on the policies of {table} ({policies}) hold for its owner"
                    f" {owner} too",
                    "AT_NoForceRowSecurity": f"from then on {owner}, who owns {table}, sees and writes all of its rows",
                }[name]
            )
    return [work.plain(subcommand(relation, command), undo=undo, on=relation)]


def create_policy(work: Work, tree: Any) -> list[PlannedStep]:
    """CREATE POLICY."""
    table = full_name(tree.table.schemaname, tree.table.relname)
    name, who = quote_ident(tree.policy_name), _roles(tree.roles)
    does = _DOES[tree.cmd_name]
    rows = _rows(tree)
    if tree.permissive:
        work.warn(f"policy {name} lets {who} {does} rows of {table}{rows}")
    else:
        work.warn(f"policy {name} lets {who} {does} no rows of {table} but those{rows or ' that others let pass'}")
    known = work.ask("row_security", table)
    if known and not known[0][0]:
        work.warn(f"a policy of {table} counts only once row level security of it is enabled")
    return [work.plain(tree, undo=f"DROP POLICY IF EXISTS {name} ON {table}", on=work.relation(tree.table))]


def alter_policy(work: Work, tree: Any) -> list[PlannedStep]:
    """ALTER POLICY: what it said before is not kept."""
    table = full_name(tree.table.schemaname, tree.table.relname)
    who = f" for {_roles(tree.roles)}" if tree.roles else ""
    work.warn(f"policy {quote_ident(tree.policy_name)} of {table} decides anew{who}{_rows(tree)}")
    return [work.plain(tree, on=work.relation(tree.table))]


def dropped(work: Work, tree: Any) -> None:
    """Say what DROP POLICY means."""
    for one in tree.objects:
        *place, policy = [item.string.sval for item in one.list.items]
        work.warn(
            f"what policy {quote_ident(policy)} of {full_name(place[0], place[-1]) if len(place) > 1 else place[0]} let"
            " pass is not seen any more, and what it kept back is, as far as the other policies say so"
        )


def _roles(nodes: Iterable[Any]) -> str:
    named = [
        quote_ident(one.role_spec.rolename) if one.role_spec.rolename else
        "everybody" if one.role_spec.roletype == pb.ROLESPEC_PUBLIC else "who runs this"
        for one in nodes
    ]  # fmt: skip
    return ", ".join(named) or "everybody"


def _rows(tree: Any) -> str:
    """Which rows, as the statement says it."""
    found = []
    if tree.HasField("qual"):
        found.append(f" where {expression_text(tree.qual)}")
    if tree.HasField("with_check"):
        found.append(f", written only where {expression_text(tree.with_check)}")
    return "".join(found)
