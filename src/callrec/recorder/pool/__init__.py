"""Several recorders behind one address: who does what, and who goes on when one is gone.

The *ledger* (PostgreSQL) says which recorder has which recording; the *mirror* (shared blob storage) holds a
copy of each unfinished folder. ``member`` keeps both true for one recorder, ``front`` answers for all.
"""
