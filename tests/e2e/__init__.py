"""The whole product, as people meet it: ``callrec serve`` as a process, people in real Chromium browsers."""
