"""Fuzz targets: functions over arbitrary bytes that must not crash."""

def fuzz_target(name, deps, **kwargs):
    """A fuzz target NAME.cc with a corpus in corpus/NAME, and perhaps a dictionary NAME.dict.

    NAME_fuzz is the program for `./mentat fuzz`, which only links with --config=fuzz;
    NAME_corpus_test runs the corpus in any configuration.

    Args:
      name: of the target.
      deps: what it calls.
      **kwargs: as for each test.
    """
    native.cc_library(
        name = name,
        testonly = True,
        srcs = [name + ".cc"],
        deps = deps + [":require"],
        alwayslink = True,
    )
    native.cc_binary(
        name = name + "_fuzz",
        testonly = True,
        tags = ["manual"],
        deps = [":" + name],
    )
    native.cc_test(
        name = name + "_corpus_test",
        size = "small",
        srcs = ["corpus_test.cc"],
        data = native.glob(["corpus/%s/**" % name]),
        env = {"CORPUS": "tests/fuzz/corpus/" + name},
        deps = [
            ":" + name,
            "@system//:gtest_main",
        ],
        **kwargs
    )
