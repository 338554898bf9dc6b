"""What is made to go wrong comes first, and reads may lag."""

from tests.emulator.graph.stage import (
    ADMIN,
    OWNER,
    PAYMENTS,
    Stage,
    a_credential,
    refusal,
)


async def test_a_failure_on_demand_comes_before_the_token_is_looked_at(stage: Stage) -> None:
    failure = {"kind": "graph.credentials.list", "identity": PAYMENTS, "status": 503, "count": 2}
    stage.set(failures=[failure | {"retry_after": 7}])
    path = stage.credentials_path()
    first = await stage.ask("GET", path, token="nonsense")
    assert refusal(first) == (503, "ServiceUnavailable")
    assert first.headers["retry-after"] == "7"
    by_app_id = f"/applications(appId='{PAYMENTS.upper()}')/federatedIdentityCredentials"
    assert refusal(await stage.ask("GET", by_app_id))[0] == 503
    assert refusal(await stage.ask("GET", path, token="nonsense"))[0] == 401


async def test_a_failure_for_another_identity_leaves_a_call_alone(stage: Stage) -> None:
    stage.set(failures=[{"kind": "graph.*", "identity": OWNER}])
    assert (await stage.ask("GET", stage.path())).status_code == 200
    assert refusal(await stage.ask("GET", stage.path(OWNER)))[0] == 503


async def test_writes_are_throttled_by_caller_and_reads_are_not(stage: Stage) -> None:
    stage.set(throttle=1 / 3000)
    path = stage.credentials_path()
    assert (await stage.ask("POST", path, a_credential())).status_code == 201
    throttled = await stage.ask("DELETE", f"{path}/cluster-a")
    assert refusal(throttled) == (429, "TooManyRequests")
    assert throttled.headers["retry-after"] == "150"
    assert (await stage.ask("GET", path)).status_code == 200
    other = stage.token(caller=OWNER)
    assert (await stage.ask("DELETE", f"{path}/cluster-a", token=other)).status_code == 204
    stage.hands.advance(150)
    assert (await stage.ask("POST", path, a_credential())).status_code == 201


async def test_even_the_lowest_rate_tells_a_time_to_wait(stage: Stage) -> None:
    stage.set(throttle=5e-324)
    body = {"displayName": "new"}
    assert (await stage.ask("POST", "/applications", body)).status_code == 201
    throttled = await stage.ask("POST", "/applications", body)
    assert refusal(throttled) == (429, "TooManyRequests")
    assert int(throttled.headers["retry-after"]) >= 50_000


async def test_reads_lag_behind_writes_as_long_as_asked(stage: Stage) -> None:
    stage.set(stale_read_seconds=10)
    path = stage.credentials_path()
    made = await stage.ask("POST", path, a_credential())
    assert made.status_code == 201
    by_id = f"{path}/{made.json()['id']}"
    assert (await stage.get(path))["value"] == []
    assert refusal(await stage.ask("GET", by_id))[0] == 404
    stage.hands.advance(10)
    assert len((await stage.get(path))["value"]) == 1
    await stage.ask("PATCH", by_id, {"subject": "new"})
    assert (await stage.get(by_id))["subject"] == a_credential()["subject"]
    await stage.ask("DELETE", by_id)
    assert len((await stage.get(path))["value"]) == 1
    stage.hands.advance(10)
    assert refusal(await stage.ask("GET", by_id))[0] == 404


async def test_writes_see_what_is(stage: Stage) -> None:
    stage.set(stale_read_seconds=10)
    path = stage.credentials_path()
    await stage.ask("POST", path, a_credential())
    assert refusal(await stage.ask("POST", path, a_credential()))[0] == 409
    changed = await stage.ask("PATCH", f"{path}(name='cluster-a')", {"subject": "new"})
    assert changed.status_code == 204
    assert (await stage.ask("DELETE", f"{path}/cluster-a")).status_code == 204


async def test_applications_and_principals_lag_in_all_the_ways_to_find_them(stage: Stage) -> None:
    stage.set(stale_read_seconds=10)
    made = (await stage.ask("POST", "/applications", {"displayName": "new"})).json()
    await stage.ask("POST", "/servicePrincipals", {"appId": made["appId"]})
    paths = [
        f"/applications/{made['id']}",
        f"/applications(appId='{made['appId']}')",
        f"/servicePrincipals(appId='{made['appId']}')",
    ]
    for path in paths:
        assert refusal(await stage.ask("GET", path))[0] == 404
    stage.hands.advance(10)
    for path in paths:
        assert (await stage.ask("GET", path)).status_code == 200
    assert (await stage.ask("DELETE", paths[0])).status_code == 204
    for path in paths:
        assert (await stage.ask("GET", path)).status_code == 200
    stage.hands.advance(10)
    for path in paths:
        assert refusal(await stage.ask("GET", path))[0] == 404


async def test_calls_are_counted_by_kind_and_identity(stage: Stage) -> None:
    path = stage.credentials_path()
    await stage.ask("POST", path, a_credential())
    await stage.ask("GET", path)
    await stage.ask("GET", path)
    await stage.ask("GET", f"{path}/cluster-a")
    await stage.ask("PATCH", f"{path}/cluster-a", {"description": "x"})
    await stage.ask("DELETE", f"{path}/cluster-a")
    await stage.ask("GET", f"/servicePrincipals(appId='{ADMIN}')")
    assert stage.world.log.counts() == {
        ("graph.credentials.create", PAYMENTS): 1,
        ("graph.credentials.list", PAYMENTS): 2,
        ("graph.credentials.get", PAYMENTS): 1,
        ("graph.credentials.update", PAYMENTS): 1,
        ("graph.credentials.delete", PAYMENTS): 1,
        ("graph.principals.get", ADMIN): 1,
    }
