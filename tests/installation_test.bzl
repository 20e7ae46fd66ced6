"""Tests of a whole installation: all programs, with a PostgreSQL of their own."""

load("//tests:python_test.bzl", "python_test")

def installation_test(name, srcs, data = [], **kwargs):
    """A test that starts installations.

    Args:
      name: of the test.
      srcs: the Python program.
      data: further files and programs.
      **kwargs: as for each test.
    """
    python_test(
        name = name,
        size = "large",
        srcs = srcs,
        data = data + [
            "//deploy/demo:mmdb",
            "//deploy/demo:networks",
            "//services/inspector:rules/default.json",
            "//tools/mentat:programs",
        ],
        # Root has to become user postgres. They wait more than they work, so that several may run at once.
        tags = [
            "no-sandbox",
            "requires-postgres",
        ],
        **kwargs
    )
