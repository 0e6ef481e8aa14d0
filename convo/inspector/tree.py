"""The branches of a conversation, and of those that share messages with it, as a tree. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from convo.store.branches import Branch


@attrs.frozen
class Node:
    """A branch, and those that were made from it, oldest first."""

    branch: Branch
    children: Sequence[Node]


def tree(branches: Iterable[Branch]) -> list[Node]:
    """Give the roots: branches that were made from none of the others. However deep it is, nothing here recurses."""
    ordered = sorted({branch.id: branch for branch in branches}.values(), key=lambda branch: (branch.created_at, branch.id))
    children: dict[UUID, list[Node]] = {branch.id: [] for branch in ordered}
    roots: list[Node] = []
    for branch in ordered:
        home = children.get(branch.parent) if branch.parent is not None and branch.parent != branch.id else None
        (roots if home is None else home).append(Node(branch, children[branch.id]))
    return roots


def rows(roots: Sequence[Node]) -> list[tuple[int, Branch]]:
    """Give the branches as lines of a page, each with how deep it stands."""
    found: list[tuple[int, Branch]] = []
    waiting = [(0, node) for node in reversed(roots)]
    while waiting:
        depth, node = waiting.pop()
        found.append((depth, node.branch))
        waiting += [(depth + 1, child) for child in reversed(node.children)]
    return found


def source(branches: Iterable[Branch], branch: UUID, position: int) -> UUID:
    """Give the branch whose row is at a position of the line of a branch, as far as these branches tell."""
    known = {found.id: found for found in branches}
    for _ in known:
        found = known.get(branch)
        if found is None or found.parent is None or found.forked_at is None or position > found.forked_at:
            break
        branch = found.parent
    return branch
