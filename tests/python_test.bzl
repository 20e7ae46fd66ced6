"""Tests in Python: Debian's python3, standard library alone."""

def python_test(name, srcs, data = [], args = [], **kwargs):
    """A test that is one Python program with unittest cases.

    Bazel 4.2's own py_test starts `python`, which Debian does not have.

    Args:
      name: of the test.
      srcs: the program first, then the modules that it imports from its own folder.
      data: files and programs that it uses, found by their path in the repository.
      args: further arguments.
      **kwargs: as for each test.
    """
    native.sh_test(
        name = name,
        srcs = ["//tests:run_python.sh"],
        args = ["$(location %s)" % srcs[0]] + args,
        data = srcs + data + ["//tests:harness", "//tools/mentat:scripts"],
        **kwargs
    )
