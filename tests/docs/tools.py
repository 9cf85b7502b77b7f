"""Programs of Debian that a test cannot do without."""

import os

import engine


def need(test, program, package):
    """The path of a program, installed where that can be done; else the test is skipped, or fails in .ci/run."""
    try:
        engine.ensure_packages({program: package})
        return engine.which(program)
    except engine.Unavailable as error:
        if os.environ.get("REINIT_REQUIRE_CONTAINERS") == "1":
            raise
        return test.skipTest(f"no {program}: {error}")
