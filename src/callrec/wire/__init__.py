"""What the halves say to each other: constants, checksums, message types. Pure, imports nothing of ours."""
