"""Runs calls of compiled classes in cairo-lang's own state machine.

Reads from standard input an object: `chain` (the chain's number), `classes` (from class hash to the
path of a CASM class with pythonic hints) and `steps`, which run one after another on one state. A
step is an object with `address`, `calldata` and perhaps `caller`, `seconds` (the block's time) and
the transaction's `version`, `hash` and `signature`, `gas` (a number); and either `class`, which deploys the address, or
`selector` (and `handler`, true for a handler of a message from L1), which calls it. A step that fails
leaves the state as it was. All numbers but `seconds` and `gas` are hexadecimal texts.

Prints a list of what each step did. cairo-lang takes no transaction of version 3.
"""

import json
import sys

from starkware.cairo.lang.vm.utils import RunResources
from starkware.starknet.business_logic.execution.deprecated_objects import ExecutionResourcesManager
from starkware.starknet.business_logic.execution.execute_entry_point import ExecuteEntryPoint
from starkware.starknet.business_logic.execution.objects import TransactionExecutionContext
from starkware.starknet.business_logic.state.state import CachedSyncState
from starkware.starknet.business_logic.state.state_api_objects import BlockInfo
from starkware.starknet.definitions.constants import GasCost
from starkware.starknet.definitions.error_codes import StarknetErrorCode
from starkware.starknet.definitions.execution_mode import ExecutionMode
from starkware.starknet.definitions.general_config import StarknetGeneralConfig
from starkware.starknet.public.abi import get_selector_from_name
from starkware.starknet.services.api.contract_class.contract_class import (
    CompiledClass,
    EntryPointType,
)
from starkware.starkware_utils.error_handling import stark_assert

STEPS = 20_000_000

# What the deployment of a class without a constructor does besides deploying.
EMPTY = {
    "failed": False, "data": [], "gas": 0, "steps": 0, "builtins": {}, "events": [],
    "messages": [], "cells": {}, "classes": {},
}


class Classes:
    """A state with nothing but classes."""

    def __init__(self, paths):
        self.classes = {}
        for class_hash, path in paths.items():
            with open(path) as file:
                self.classes[int(class_hash, 16)] = CompiledClass.load(json.load(file))

    def get_compiled_class(self, compiled_class_hash):
        stark_assert(
            compiled_class_hash in self.classes,
            code=StarknetErrorCode.UNDECLARED_CLASS,
            message=f"class {compiled_class_hash:#x}",
        )
        return self.classes[compiled_class_hash]

    def get_compiled_class_hash(self, class_hash):
        return class_hash if class_hash in self.classes else 0

    def get_class_hash_at(self, contract_address):
        return 0

    def get_nonce_at(self, data_availability_mode, contract_address):
        return 0

    def get_storage_at(self, data_availability_mode, contract_address, key):
        return 0


def felts(values):
    return [int(value, 16) for value in values]


def texts(values):
    return [hex(value) for value in values]


def context(step):
    return TransactionExecutionContext.create(
        account_contract_address=int(step.get("address"), 16),
        transaction_hash=int(step.get("hash", "0x0"), 16),
        signature=felts(step.get("signature", [])),
        max_fee=0,
        nonce=0,
        n_steps=STEPS,
        version=int(step.get("version", "0x1"), 16),
        execution_mode=ExecutionMode.EXECUTE,
    )


def entry_point(step):
    if "class" in step:
        kind, selector = EntryPointType.CONSTRUCTOR, get_selector_from_name("constructor")
    else:
        kind = EntryPointType.L1_HANDLER if step.get("handler") else EntryPointType.EXTERNAL
        selector = int(step["selector"], 16)
    return ExecuteEntryPoint.create_for_testing(
        contract_address=int(step["address"], 16),
        calldata=felts(step["calldata"]),
        entry_point_selector=selector,
        entry_point_type=kind,
        caller_address=int(step.get("caller", "0x0"), 16),
        initial_gas=step.get("gas", GasCost.DEFAULT_INITIAL.value),
    )


def calls(info):
    yield info
    for inner in info.internal_calls:
        yield from calls(inner)


def ordered(info, name):
    """What a call and the calls in it gave, in the order of the transaction."""
    found = [(item.order, call, item) for call in calls(info) for item in getattr(call.execution, name)]
    return [(call, item) for _, call, item in sorted(found, key=lambda entry: entry[0])]


def run(state, step, config):
    inner = state._copy()
    inner.update_block_info(
        BlockInfo.create_for_testing(block_number=1, block_timestamp=step.get("seconds", 0))
    )
    if "class" in step:
        class_hash = int(step["class"], 16)
        inner.deploy_contract(contract_address=int(step["address"], 16), class_hash=class_hash)
        compiled = inner.get_compiled_class_by_class_hash(class_hash=class_hash)
        if not compiled.entry_points_by_type[EntryPointType.CONSTRUCTOR]:
            inner._apply(state)
            return EMPTY
    info = entry_point(step).execute(
        state=inner,
        resources_manager=ExecutionResourcesManager.empty(),
        tx_execution_context=context(step),
        general_config=config,
        support_reverted=True,
    )
    failed = info.failure_flag != 0
    if not failed:
        inner._apply(state)
    return {
        "failed": failed,
        "data": texts(info.retdata),
        "gas": info.gas_consumed,
        "steps": info.execution_resources.n_steps,
        "builtins": {
            name: count
            for name, count in info.execution_resources.builtin_instance_counter.items()
            if count
        },
        "events": [
            {"from": hex(call.contract_address), "keys": texts(event.keys), "data": texts(event.data)}
            for call, event in ([] if failed else ordered(info, "events"))
        ],
        "messages": [
            {"from": hex(call.contract_address), "to": hex(message.to_address),
             "payload": texts(message.payload)}
            for call, message in ([] if failed else ordered(info, "l2_to_l1_messages"))
        ],
        "cells": {
            f"{address:#x}/{key:#x}": hex(value)
            for (address, key), value in ({} if failed else inner.cache._storage_writes).items()
        },
        "classes": {
            hex(address): hex(class_hash)
            for address, class_hash in ({} if failed else inner.cache._class_hash_writes).items()
        },
    }


def main():
    script = json.load(sys.stdin)
    state = CachedSyncState(
        block_info=BlockInfo.create_for_testing(block_number=0, block_timestamp=0),
        state_reader=Classes(script["classes"]),
        compiled_class_cache={},
    )
    config = StarknetGeneralConfig()
    config.starknet_os_config.chain_id = int(script["chain"], 16)
    results = []
    for step in script["steps"]:
        try:
            results.append(run(state, step, config))
        except Exception as error:
            # A refusal of the machine itself, which the test names or fails on.
            results.append({"error": f"{type(error).__name__}: {error}"})
    print(json.dumps(results))


if __name__ == "__main__":
    main()
