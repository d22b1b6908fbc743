"""Prints the hash of an outside execution's SNIP-12 message, by starknet-py.

Reads from standard input an object with the message's members as hexadecimal texts, `account` and
`chain`.
"""

import json
import sys

from starknet_py.utils.typed_data import TypedData

given = json.load(sys.stdin)


def member(name, kind):
    return {"name": name, "type": kind}


data = {
    "types": {
        "StarknetDomain": [
            member(name, "shortstring") for name in ("name", "version", "chainId", "revision")
        ],
        "OutsideExecution": [
            member("Caller", "ContractAddress"),
            member("Nonce", "felt"),
            member("Execute After", "u128"),
            member("Execute Before", "u128"),
            member("Calls", "Call*"),
        ],
        "Call": [
            member("To", "ContractAddress"),
            member("Selector", "selector"),
            member("Calldata", "felt*"),
        ],
    },
    "primaryType": "OutsideExecution",
    "domain": {
        "name": "Account.execute_from_outside",
        # The number 2, which the short string would not be.
        "version": "0x2",
        "chainId": given["chain"],
        "revision": 1,
    },
    "message": {
        "Caller": given["caller"],
        "Nonce": given["nonce"],
        "Execute After": given["after"],
        "Execute Before": given["before"],
        "Calls": [
            {"To": call["to"], "Selector": call["selector"], "Calldata": call["calldata"]}
            for call in given["calls"]
        ],
    },
}
print(hex(TypedData.from_dict(data).message_hash(int(given["account"], 16))))
