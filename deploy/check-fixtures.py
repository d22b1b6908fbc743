"""Fails when a vector file of a group in use was read by no test, and names the groups not in use.

usage: check-fixtures.py FIXTURES_FOLDER FILE_OF_READ_PATHS
"""

import fnmatch
import json
import pathlib
import sys

# Folders and patterns of what later parts of Prytany will read, and why nothing reads it yet.
NOT_IN_USE = {
    "crypto/kzg": "data availability is not built yet",
    "da": "data availability is not built yet",
    "blocks/hash-vectors": "block hashes before 0.13.2 are not computed",
    "compiler/*.sierra.txt": "Sierra is compiled by the reference compiler alone",
    "proving": "the prover is not built yet",
    "rpc/feeder-traces": "the feeder's form of traces is not served",
    "rpc/madara-js-v0_10_2/state_setup.json": "steps to build another chain",
    "rpc/pathfinder-0.10/blocks": "blocks with transactions before version 3 are not served",
    "rpc/pathfinder-0.10/transactions": "transactions before version 3 are not served",
    "rpc/starknetgo-ws": "subscriptions are not served yet",
    "sequencer-blobs": "recorder files are not written",
    "p2p-proto": "peers speak Prytany's own encoding",
    "versioned-constants/orchestrator": "limits of Starknet's own block builder",
    "unresolved": "values that the sources do not reproduce",
}


def main() -> int:
    folder, read_file = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    index = folder / "MANIFEST.json"
    if not index.exists():
        print(f"fixtures: skipped, no index at {index}: set PRYTANY_FIXTURES")
        return 0
    read = set(read_file.read_text().split("\n")) if read_file.exists() else set()
    skipped, unread = {}, []
    for entry in json.loads(index.read_text()):
        path = entry["file"]
        reason = next(
            (g for g in NOT_IN_USE if path.startswith(g + "/") or fnmatch.fnmatch(path, g)), None
        )
        if reason and path not in read:
            skipped[reason] = skipped.get(reason, 0) + 1
        elif not reason and path not in read and path.endswith((".json", ".txt", ".bin")):
            unread.append(path)
    for group, count in sorted(skipped.items()):
        print(f"fixtures: skipped group '{group}' ({count} files): {NOT_IN_USE[group]}")
    for path in unread:
        print(f"fixtures: no test read {path}", file=sys.stderr)
    if unread:
        print(f"fixtures: {len(unread)} vector files of groups in use are unread", file=sys.stderr)
    return 1 if unread else 0


if __name__ == "__main__":
    sys.exit(main())
