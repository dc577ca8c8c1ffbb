"""A real `fairway local up`, its models and its users, for tests."""
