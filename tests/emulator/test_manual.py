"""docs/emulator.md: its example works, and it leaves out nothing that can be set or asked."""

import argparse
import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from emulator.app import application
from emulator.calls.faults import Failure, Settings
from emulator.directory import Directory
from emulator.options import parser
from emulator.seed import schema
from emulator.seed.plan import plan
from emulator.seed.read import read_seed
from tests.emulator.conftest import Json, MakeWorld

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs" / "emulator.md").read_text("utf-8")
MODELS = (
    schema.Seed,
    schema.Tenant,
    schema.Subscription,
    schema.Application,
    schema.Credential,
    schema.ManagedIdentity,
    schema.RoleAssignment,
    schema.Issuer,
    Settings,
    Failure,
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", MANUAL, re.DOTALL)


def test_the_example_of_a_seed_is_one() -> None:
    found = plan(read_seed(yaml.safe_load(blocks("yaml")[0])), Directory())
    assert found.faults == ()
    assert {step.kind for step in found.steps} == {
        "tenants",
        "subscriptions",
        "applications",
        "managedidentities",
        "credentials",
        "roleassignments",
    }


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_is_told(model: type[BaseModel]) -> None:
    keys = {field.alias or name for name, field in model.model_fields.items()}
    assert {key for key in keys if not re.search(rf"[`, {{]{key}[`\[,: ]", MANUAL)} == set()


def test_every_flag_is_told() -> None:
    flags = {
        option
        for action in parser()._actions
        for option in action.option_strings
        if option.startswith("--") and not isinstance(action, argparse._SubParsersAction)
    }
    assert {flag for flag in flags if f"`{flag}" not in MANUAL} == set()


def test_every_path_of_the_admin_api_is_told(make_world: MakeWorld) -> None:
    described: Json = application(make_world({})).openapi()
    paths = {
        path.removeprefix("/_admin")
        for path in described["paths"]
        if path.startswith("/_admin/") or path == "/healthz"
    }
    assert len(paths) == 11
    assert {path for path in paths if path not in MANUAL} == set()
