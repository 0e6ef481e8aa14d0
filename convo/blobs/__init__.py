"""Where bytes live beside the database: a folder, or a bucket of object storage.

The row of `convo_blob` says where bytes are. Its `place` is null where they are in the database, in chunks; else it is the
name of a blob store, and `object` is their name in it. What keeps bytes safe while many work at once:

*Names are ours, and each is used once*: `<16 hex>/<16 hex of SHA-256(owner)>/<2 hex>/<SHA-256 of the bytes>-<16 hex>`, checked
before every access, so that no path from outside ever reaches a disk. The first part is the database's own (`convo_home`). The
last part differs each time that bytes are put: whoever deletes an object of which he has deleted the row can never hit one that
somebody has put anew. One owner's objects stand under one prefix, so that erasing an owner is deleting a prefix.

*Put*: a row that is there is refreshed (it counts as put now), and nothing is sent. Else the object is written, outside of any
transaction, then its row. If another worker was faster his row stays, and our object is deleted. A crash in between leaves an
object that no row names; never a row without its object.

*Get*: rows are read, with the bytes that are in the database; objects are fetched after the transaction. One that is gone was
moved meanwhile, or deleted: its row is read again. What comes from a blob store is held against its size and SHA-256.

*Move*: the bytes are read, checked and put in their new place; then the row is switched, if it still says what was read; then
the old object is deleted, or the chunks are, in the transaction that switches the row.

*Collect*: a row is deleted, if nothing refers to it and nobody has put the bytes in the last minutes; that is committed; then
its object is deleted; one that cannot be deleted then is a leftover, too. Where a conversation moves to another owner, its
objects are copied first.

What no row names is a leftover, once it is a day old: `prune` and `doctor` find it. They list what begins with the database's own
part, so databases may share a folder or a bucket. A copy of a database has the same part: give it a copy of the objects, too.
"""
