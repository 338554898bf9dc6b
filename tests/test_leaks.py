"""The plugin that fails leaking tests, tried on tests that leak."""

import pytest

pytest_plugins = ["pytester"]

LEAKS = {
    "task": """
        import asyncio
        async def test_it():
            test_it.task = asyncio.create_task(asyncio.sleep(60))
    """,
    "thread": """
        import threading
        def test_it():
            threading.Thread(target=threading.Event().wait, args=(8,), daemon=True).start()
    """,
    "socket": """
        import socket
        kept = []
        def test_it():
            kept.append(socket.socket())
    """,
}
CLEAN = """
    import asyncio, socket, threading
    async def test_it():
        await asyncio.create_task(asyncio.sleep(0))
        await asyncio.to_thread(int)
        socket.socket().close()
    def test_threads():
        thread = threading.Thread(target=int)
        thread.start()
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest('pytest_plugins = ["tests.leaks"]')
    pytester.makeini(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        "filterwarnings = error\nmarkers = cluster"
    )
    return pytester


@pytest.mark.parametrize("what", LEAKS)
def test_a_test_that_leaks_fails(project: pytest.Pytester, what: str) -> None:
    project.makepyfile(LEAKS[what])
    result = project.runpytest_subprocess("-p", "no:cacheprovider")
    assert result.ret == pytest.ExitCode.TESTS_FAILED, result.stdout
    result.stdout.fnmatch_lines([f"*left behind*{what}s*" if what != "task" else "*tasks left*"])


def test_a_test_that_cleans_up_passes(project: pytest.Pytester) -> None:
    project.makepyfile(CLEAN)
    result = project.runpytest_subprocess("-p", "no:cacheprovider")
    assert result.ret == pytest.ExitCode.OK, result.stdout
