"""Where the store of a command is, and whose conversations it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import URL

    import convo


@attrs.frozen
class Place:
    """The store that the options name: a SQLite path, or any URL that convo speaks; `keys` is a key file, "" for none."""

    store: str
    owner: str
    keys: str = ""

    def url(self) -> URL:
        """Give the URL of the database. Whatever has no `://` is a path, odd characters and all."""
        from convo.store.engine import parse_url

        if "://" in self.store:
            return parse_url(self.store)
        if not self.store:
            raise click.BadParameter("it is empty; name a file or a URL", param_hint="--store")
        return parse_url("sqlite://").set(database=self.store)

    def existing(self, *, everyone: bool, blobs: Sequence[Any] | None = None) -> convo.Store:
        """Open the store to read it: nothing is created or upgraded. `blobs` are the blob stores that hold bytes."""
        import convo

        if everyone and self.owner:
            raise click.UsageError("--owner names one owner and --everyone all of them; pass one of the two")
        store = convo.Store.existing(self.url(), **self._options(blobs))
        return store.everyone() if everyone else store

    def written(self, *, blobs: Sequence[Any] | None = None) -> convo.Store:
        """Open the store to write to it: a SQLite file is made where there is none, or brought up to date."""
        import convo

        return convo.Store(self.url(), **self._options(blobs))

    def _options(self, blobs: Sequence[Any] | None) -> dict[str, Any]:
        import convo

        cipher = convo.Cipher.from_file(self.keys) if self.keys else None
        return {"owner": self.owner, "blobs": blobs, "cipher": cipher}

    def tell_empty(self, store: convo.Store, *, everyone: bool) -> None:
        """Say on stderr that there is no conversation, and where others may be."""
        from convo.cli.screen import line

        whose = "" if everyone else f" of the owner {self.owner!r}; --everyone shows those of all owners"
        click.echo(f"{line(store.place)} holds no conversation{whose}", err=True)
