"""fuzz_target: one parser, fed by libFuzzer, and with its corpus in every `bazel test`."""

def fuzz_target(name, deps):
    """NAME.cc has LLVMFuzzerTestOneInput, corpus/NAME/ has inputs.

    Makes `NAME`, to be linked by clang only (tools/fuzz), and `NAME_replay`, a test for any compiler.
    """
    native.cc_library(
        name = name + "_input",
        testonly = True,
        srcs = [name + ".cc"],
        deps = deps + [":require"],
        alwayslink = True,
    )
    native.cc_binary(
        name = name,
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = [
            "fuzz",
            "manual",
        ],
        deps = [name + "_input"],
    )
    native.cc_test(
        name = name + "_replay",
        # With a sanitizer each fork takes 15 ms, and the command line's parser forks where it looks at files.
        size = "medium",
        args = ["tests/fuzz/corpus/" + name],
        data = native.glob(["corpus/" + name + "/*"]),
        deps = [
            name + "_input",
            ":replay",
        ],
    )
