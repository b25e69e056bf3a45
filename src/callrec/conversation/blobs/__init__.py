"""The bytes of files, under ids of ours: on the local disk or in an S3 bucket, behind one Protocol."""
