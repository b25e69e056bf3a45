"""The recording server: told to start, it joins the call, captures, composes, uploads and reports."""
