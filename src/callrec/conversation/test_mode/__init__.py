"""What Talk's own integration tests need besides: a reset, a provider of texts, and a console.

All of it only where ``conversation.test_mode`` is set (docs/operating.md, Test mode).
"""
