"""The life of a recording: capture, compose, deliver, remove; durable across crashes."""
