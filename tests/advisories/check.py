"""Compares the report of cargo-audit (JSON, standard input) with the exceptions. Prints what is wrong, and fails if anything is."""

import datetime
import json
import pathlib
import sys
import tomllib

LONGEST = datetime.timedelta(days=366)


def found(report):
    """Each advisory with its crate: vulnerabilities, and warnings of every kind."""
    entries = list(report["vulnerabilities"]["list"])
    for warnings in report.get("warnings", {}).values():
        entries += warnings
    # A yanked crate has no advisory.
    return {((entry.get("advisory") or {}).get("id", "yanked"), entry["package"]["name"]) for entry in entries}


def mistakes(report, exceptions, today):
    """What must be changed, one sentence each."""
    present = found(report)
    known = set()
    wrong = []
    for exception in exceptions:
        unknown = set(exception) - {"id", "crate", "until", "reason"}
        name = f"the exception {exception.get('id')} of {exception.get('crate')}"
        if unknown or not all(exception.get(key) for key in ("id", "crate", "until", "reason")):
            wrong.append(f"{name} needs id, crate, until and reason, and nothing else")
            continue
        # A time of day is a datetime, which is a date to Python.
        if type(exception["until"]) is not datetime.date:
            wrong.append(f"{name} ends on {exception['until']!r}: write a day without quotation marks, such as {today}")
            continue
        key = (exception["id"], exception["crate"])
        if key in known:
            wrong.append(f"{name} is there twice")
        known.add(key)
        if key not in present:
            wrong.append(f"{name} has no advisory in Cargo.lock any more: remove it")
        if exception["until"] < today:
            wrong.append(f"{name} has ended on {exception['until']}: update or drop the crate, or give the reason again")
        if exception["until"] > today + LONGEST:
            wrong.append(f"{name} ends on {exception['until']}: choose a day within a year")
    for advisory, crate in sorted(present - known):
        wrong.append(f"{crate} has the advisory {advisory}: update or drop the crate, or add an exception with its reason")
    return wrong


def main():
    report = json.load(sys.stdin)
    exceptions = tomllib.loads(pathlib.Path(__file__).with_name("exceptions.toml").read_text())["exception"]
    advisories, crates = report["database"]["advisory-count"], report["lockfile"]["dependency-count"]
    if advisories < 1000 or crates < 100:
        sys.exit(f"{advisories} advisories and {crates} crates: the database or Cargo.lock is not complete")
    wrong = mistakes(report, exceptions, datetime.date.today())
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    print(f"{crates} crates, {advisories} advisories, {len(found(report))} found, {len(exceptions)} exceptions, {len(wrong)} mistakes")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
