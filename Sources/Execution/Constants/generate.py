"""Writes Generated/StarknetConstants.swift from StarkWare's files of versioned constants.

usage: generate.py FOLDER > Generated/StarknetConstants.swift

FOLDER holds blockifier_versioned_constants_<version>.json of starkware-libs/sequencer (Apache-2.0).
Only versions that this chain can select are kept.
"""

import json
import pathlib
import re
import sys

FIRST = (0, 13, 4)
UNUSED = {"deprecated_l2_resource_gas_costs"}


def main() -> None:
    print("// swift-format-ignore-file")
    print("// Made by Constants/generate.py from the versioned constants of starkware-libs/sequencer")
    print("// (Apache-2.0). Do not edit.")
    print()
    print("enum StarknetConstants {")
    print("    /// The files' text by version, the oldest first.")
    print("    static let texts: [(version: String, json: String)] = [")
    files = []
    for path in pathlib.Path(sys.argv[1]).glob("blockifier_versioned_constants_*.json"):
        version = tuple(int(p) for p in re.findall(r"\d+", path.stem.split("constants_")[1]))
        if version >= FIRST:
            files.append((version, path))
    for version, path in sorted(files):
        table = json.loads(path.read_text())
        table = {name: value for name, value in table.items() if name not in UNUSED}
        text = json.dumps(table, separators=(",", ":"))
        print(f'        ("{".".join(map(str, version))}", #"{text}"#),')
    print("    ]")
    print("}")


main()
