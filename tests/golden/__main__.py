# ruff: noqa: T201 - a program for people: it prints
"""Show what a golden case does now, or write its `then` anew for review.

python -m tests.golden show NAME...     the pod's changes, warnings, audit annotations
python -m tests.golden write NAME...    and write `then:`; read the difference before you commit
python -m tests.golden list             names and reasons
"""

import argparse
import difflib
import sys
from collections.abc import Iterator

import yaml

from tests.builders import Json
from tests.golden.case import FOLDER, Case, all_cases, load, start_order
from webhook.mutation.outcome import Injected

_COLOURS = {"+": "\033[32m", "-": "\033[31m", "@": "\033[36m"}


class _Dumper(yaml.SafeDumper):
    """Lists are indented, and there are no anchors: as people write manifests."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("what", choices=["show", "write", "list"])
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    if options.what == "list":
        for case in all_cases():
            print(f"{case.name}: {case.why}")
        return 0
    if not options.names:
        parser.error("which case?")
    for name in options.names:
        path = FOLDER / f"{name}.yaml"
        if not path.exists():
            near = difflib.get_close_matches(name, [file.stem for file in FOLDER.glob("*.yaml")])
            print(f"there is no case {name}; did you mean {' or '.join(near) or 'another'}?")
            return 1
        case = load(path)
        print("\n".join(report(case)))
        if options.what == "write":
            path.write_text(with_outcome(path.read_text("utf-8"), case), encoding="utf-8")
            print(f"wrote `then` of {path}: read it before you commit it")
    return 0


def report(case: Case) -> Iterator[str]:
    """What a case does now, in lines for people."""
    yield f"== {case.name}: {case.why}"
    found = outcome_of(case)
    if "refused" in found:
        yield f"refused: {found['refused']}"
    elif "unchanged" in found:
        yield "unchanged"
    else:
        before, after = _yaml(case.pod).splitlines(), _yaml(found["pod"]).splitlines()
        for line in list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]:
            yield _coloured(line)
    yield from (f"warning ({len(text)}): {text}" for text in found.get("warnings", []))
    yield from (f"{key}: {found[key]}" for key in ("order", "audit") if key in found)
    expected = case.content.get("then")
    if expected != found:
        yield "! differs from what the case says" if expected else "! the case says nothing yet"


def outcome_of(case: Case) -> Json:
    """The `then` that a case would have if what happens now were right."""
    outcome = case.run()
    if not isinstance(outcome, Injected):
        return {"refused": outcome.message}
    before = case.content.get("then") or {}
    then: Json = {"pod": case.applied(outcome)} if outcome.operations else {"unchanged": True}
    if "order" in before:
        then["order"] = start_order(case.applied(outcome))
    if outcome.warnings:
        then["warnings"] = [warning.message for warning in outcome.warnings]
    if "audit" in before:
        then["audit"] = outcome.audit
    return then


def with_outcome(text: str, case: Case) -> str:
    """A case's file with `then:`, which comes last in it, written anew."""
    head, _, _ = text.partition("\nthen:")
    return head.rstrip("\n") + "\n" + _yaml({"then": outcome_of(case)})


def _yaml(value: object) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)


def _coloured(line: str) -> str:
    if not sys.stdout.isatty() or line[:1] not in _COLOURS:
        return line
    return f"{_COLOURS[line[0]]}{line}\033[0m"


if __name__ == "__main__":
    sys.exit(main())
