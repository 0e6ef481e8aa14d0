"""The command `doctor`: what is wrong with a store, in plain words, and its repair after asking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from convo.cli import lines, records
from convo.cli.blobs import blobs_option
from convo.cli.progress import clear, progress
from convo.cli.screen import line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import convo
    from convo.cli.place import Place

SEVERITIES = ("error", "warning", "note")


@click.command()
@click.option("--repair", is_flag=True, help="Mend what can be mended; it asks before each kind of repair.")
@click.option("--yes", is_flag=True, help="With --repair: do not ask.")
@click.option("--quick", is_flag=True, help="Do not read all messages and bytes to see whether they changed.")
@click.option("--everyone", is_flag=True, help="Examine what belongs to any owner.")
@blobs_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.pass_context
def doctor(
    ctx: click.Context, stores: tuple[Any, ...], *, repair: bool, yes: bool, quick: bool, everyone: bool, as_json: bool
) -> None:  # fmt: skip
    """Look for what is wrong with a store.

    \b
    convo doctor --quick
    convo doctor --everyone --repair

    Without --repair it changes nothing. The exit code is 0 when there is nothing but notes, or all else was mended.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    if yes and not repair:
        raise click.UsageError("--yes says what to answer to the questions of --repair; pass both")
    asked = _Asked(yes=yes) if repair else None
    place: Place = ctx.obj
    with place.existing(everyone=everyone, blobs=stores or None) as store:
        found = _once(store, None if everyone else asked, verify=not quick, quiet=as_json)
        where = line(store.place)
    if everyone and asked:
        found = _mended(place, stores, found, asked, verify=not quick, quiet=as_json)
    click.echo(records.written([records.finding(finding) for finding in found]) if as_json else _report(found, where))
    ctx.exit(0 if all(finding.healthy for finding in found) else 1)


class _Asked:
    """The answer to each kind of repair, asked for once."""

    def __init__(self, *, yes: bool) -> None:
        self._yes = yes
        self._answers: dict[str, bool] = {}

    def __call__(self, finding: convo.Finding) -> bool:
        """Say whether to mend it."""
        if self._yes:
            return True
        if finding.kind not in self._answers:
            clear()
            question = f"{line(finding.message)}\n  {line(finding.where)}\nMend this, and all else of the kind {finding.kind}?"
            self._answers[finding.kind] = click.confirm(question, err=True)
        return self._answers[finding.kind]


def _once(store: convo.Store, repair: _Asked | None, *, verify: bool, quiet: bool) -> list[convo.Finding]:
    with progress("examined", quiet=quiet) as tell:
        return store.doctor(repair=repair, verify=verify, progress=tell)


def _mended(
    place: Place, stores: tuple[Any, ...], found: Sequence[convo.Finding], repair: _Asked, *, verify: bool, quiet: bool
) -> list[convo.Finding]:  # fmt: skip
    """Mend what was found of each owner as that owner: a view of everyone only reads."""
    with place.existing(everyone=False, blobs=stores or None) as store:
        each = [_once(store.owned_by(owner), repair, verify=verify, quiet=quiet) for owner in _to_mend(found)]
    mended = [finding for one in each for finding in one]
    return [*(finding for finding in found if not finding.repairable), *(finding for finding in mended if finding.repairable)]


def _to_mend(found: Sequence[convo.Finding]) -> list[str]:
    return sorted({finding.owner for finding in found if finding.repairable and finding.owner is not None})


# --- on screen -------------------------------------------------------------------------------------


def _report(found: Sequence[convo.Finding], where: str) -> str:
    paragraphs = ["\n".join(_group(severity, found)) for severity in SEVERITIES]
    return "\n\n".join([*filter(None, paragraphs), _verdict(found, where)])


def _group(severity: str, found: Sequence[convo.Finding]) -> Iterator[str]:
    group = [finding for finding in found if finding.severity == severity]
    if group:
        yield f"{lines.counted(len(group), severity)}:"
    for finding in group:
        yield f"  {finding.kind}: {line(finding.message)}{' [mended]' if finding.repaired else ''}"
        if finding.where:
            yield f"      {line(finding.where)}"


def _verdict(found: Sequence[convo.Finding], where: str) -> str:
    left = [finding for finding in found if not finding.healthy]
    if not left:
        return f"{where}: nothing is wrong" if not any(finding.repaired for finding in found) else f"{where}: all is mended"
    mendable = sum(finding.repairable for finding in left)
    remedy = f", {mendable:,} of which --repair can mend" if mendable else ""
    return f"{where}: {lines.counted(len(left), 'finding')} to see to{remedy}"
