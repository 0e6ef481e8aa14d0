"""Column types that are the same value in Python on every database: ids are UUIDs, instants are microseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from convo.times import from_micros

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Dialect


def _bytes(value: UUID | None) -> bytes | None:
    return None if value is None else value.bytes


class Id(sa.types.TypeDecorator[UUID]):
    """A UUID: 16 bytes on SQLite, `uuid` on PostgreSQL."""

    impl = sa.LargeBinary(16)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """Choose the native type where there is one."""
        native: sa.types.TypeEngine[Any] = sa.Uuid() if dialect.name == "postgresql" else sa.LargeBinary(16)
        return dialect.type_descriptor(native)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Write the bytes where the database has no UUIDs."""
        return super().bind_processor(dialect) if dialect.name == "postgresql" else _bytes

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:
        """Read the bytes where the database has no UUIDs."""
        del dialect
        return UUID(bytes=bytes(value)) if isinstance(value, bytes | memoryview) else value


class Instant(sa.types.TypeDecorator[int]):
    """Microseconds since 1970 in Python: an integer on SQLite, `timestamptz` on PostgreSQL."""

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """Choose the native type where there is one."""
        native: sa.types.TypeEngine[Any] = sa.TIMESTAMP(timezone=True) if dialect.name == "postgresql" else sa.BigInteger()
        return dialect.type_descriptor(native)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Write an aware datetime where the database has them, the number where it has not."""
        return super().bind_processor(dialect) if dialect.name == "postgresql" else None

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        """Write an aware datetime."""
        del dialect
        return None if value is None else from_micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """Read an aware datetime where the database has them."""
        del dialect
        if value is None or isinstance(value, int):
            return value
        from convo.times import to_micros

        return to_micros(value)
