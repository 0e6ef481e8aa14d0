"""The work on a database: tables, statements, and plain functions of a `Connection`, one transaction's worth each."""
