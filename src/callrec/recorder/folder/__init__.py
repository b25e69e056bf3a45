"""The recording folder: what capture and composition share, on disk (docs/recording-folder.md)."""
