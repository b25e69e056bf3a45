"""What is made of a stored recording afterwards: a transcript, and a summary of it."""
