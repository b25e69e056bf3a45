"""Composition: from a recording folder to the film. A pure, repeatable function of the folder's content.

The way of a packet: ``ingest`` reads the log in the order of arrival and, in steps of 640 ms, lets
``depacketise`` put packets into order and ``clock`` say when on the recording's time line they belong;
``placement`` gives sound its samples, ``hearing`` decodes it, once, and ``levels`` keeps how loud it is
beside the chunks: for who speaks, and for ``balance``, which says everyone's gain. ``presence``, ``speech``,
``director`` and ``layout`` decide who is where (a ``scene``), ``draw`` and ``mix`` make picture and sound,
``encode`` writes them in chunks, ``join`` makes one file of them. ``worker`` runs it.
"""
