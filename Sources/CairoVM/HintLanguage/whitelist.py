"""Writes Generated/HintWhitelist.swift: which hints a class of Cairo 0 may have.

usage: whitelist.py FOLDER > Generated/HintWhitelist.swift

FOLDER holds cairo-lang's lists, starkware/starknet/security/whitelists. Only digests are kept.
"""

import hashlib
import json
import pathlib
import sys


def main() -> None:
    digests = set()
    for path in pathlib.Path(sys.argv[1]).glob("*.json"):
        table = json.loads(path.read_text())
        for entry in table["allowed_reference_expressions_for_hint"]:
            text = "\n".join(entry["hint_lines"])
            digests.add(hashlib.blake2s(text.encode()).hexdigest()[:32])
    print("// swift-format-ignore-file")
    print("// Made by HintLanguage/whitelist.py from cairo-lang's lists. Do not edit.")
    print()
    print("enum HintWhitelist {")
    print("    /// The first 16 bytes of each text's Blake2s digest.")
    print("    static let digests: Set<UInt128> = [")
    for digest in sorted(digests):
        print(f"        0x{digest},")
    print("    ]")
    print("}")


main()
