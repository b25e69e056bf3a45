"""``callrec doctor``: looks at settings and data, asks the far servers, says plainly what is wrong."""
