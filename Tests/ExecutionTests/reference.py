"""Runs entry points in cairo-lang's state machine and says what happened.

A job list comes from standard input as JSON, one JSON line per job goes to standard output. Needs the
Python of an environment with cairo-lang 0.14.0.1.

{"block": {"number", "timestamp", "sequencer"}, "steps": of one call at most, "gas": of one call,
 "classes": [{"hash", "casm", "sierra"} or {"hash", "deprecated"}],   paths of files
 "donors": [paths of Sierra classes to learn the wording of hints from],
 "jobs": [{"id", "contracts": [[address, class hash]],
           "calls": [{"address", "kind", "selector", "calldata", "caller"}]}]}

Numbers that may be felts are hexadecimal text. Each job starts from a state in which the contracts are
deployed and nothing is stored.
"""

import dataclasses
import json
import logging
import pathlib
import re
import subprocess
import sys
import tempfile

import starkware.starknet.compiler.v1 as compiler_package
from starkware.starknet.business_logic.execution.deprecated_objects import ExecutionResourcesManager
from starkware.starknet.business_logic.execution.execute_entry_point import ExecuteEntryPoint
from starkware.starknet.business_logic.execution.objects import TransactionExecutionContext
from starkware.starknet.business_logic.state.state import CachedSyncState
from starkware.starknet.business_logic.state.state_api_objects import BlockInfo
from starkware.starknet.definitions.general_config import StarknetGeneralConfig
from starkware.starknet.services.api.contract_class.contract_class import (
    CompiledClass,
    DeprecatedCompiledClass,
    EntryPointType,
)

COMPILER = (
    pathlib.Path(list(compiler_package.__path__)[0])
    / "sierra-compiler-major-1"
    / "bin"
    / "starknet-sierra-compile"
)


# Hints in Python, which the machine needs.


def recompiled(sierra):
    """The class with hints in Python, from this version's compiler; None where it refuses."""
    allowed = None
    names = set()
    with tempfile.TemporaryDirectory() as folder:
        listed = pathlib.Path(folder) / "libfuncs.json"
        while True:
            if allowed is None:
                which = ["--allowed-libfuncs-list-name", "all"]
            else:
                listed.write_text(json.dumps({"allowed_libfuncs": sorted(names)}))
                which = ["--allowed-libfuncs-list-file", str(listed)]
            run = subprocess.run(
                [str(COMPILER), "--add-pythonic-hints", *which, sierra],
                capture_output=True,
                text=True,
            )
            if run.returncode == 0:
                return json.loads(run.stdout)
            refused = re.search(r"Libfunc (\w+) is not allowed", run.stderr)
            if refused is None or refused[1] in names:
                return None
            allowed = names
            names.add(refused[1])


def operand(value):
    """An operand of a hint as the compiler words it in Python."""
    if "register" in value:
        return f"memory[{value['register'].lower()} + {value['offset']}]"
    if "Deref" in value:
        return operand(value["Deref"])
    if "Immediate" in value:
        return str(int(value["Immediate"], 16))
    if "BinOp" in value:
        sum_of = value["BinOp"]
        sign = {"Add": "+", "Mul": "*"}[sum_of["op"]]
        return f"{operand(sum_of['a'])} {sign} {operand(sum_of['b'])}"
    if "DoubleDeref" in value:
        cell, offset = value["DoubleDeref"]
        return f"memory[{operand(cell)} + {offset}]"
    raise ValueError(value)


def shape(hint):
    """The kind of a hint and of each of its operands."""
    if isinstance(hint, str):
        return hint
    ((name, fields),) = hint.items()
    kinds = [(key, next(iter(value)) if "register" not in value else "cell") for key, value in fields.items()]
    return (name, *kinds)


class HintWording:
    """How hints are worded, learned from classes that have them in both forms."""

    def __init__(self):
        self.templates = {}

    def learn(self, document):
        for (_, hints), (_, texts) in zip(document["hints"], document["pythonic_hints"] or []):
            for hint, text in zip(hints, texts):
                key = shape(hint)
                if key in self.templates:
                    continue
                if isinstance(hint, str):
                    self.templates[key] = text
                    continue
                ((_, fields),) = hint.items()
                words = {name: operand(value) for name, value in fields.items()}
                if len(set(words.values())) < len(words) or any(
                    len(word) < 9 and not word.startswith("memory") and text.count(word) != 1
                    for word in words.values()
                ):
                    continue
                template = text
                for name, word in sorted(words.items(), key=lambda item: -len(item[1])):
                    template = template.replace(word, f"\0{name}\0")
                if template.count("\0") >= 2 * len(words):
                    self.templates[key] = template

    def text(self, hint):
        template = self.templates.get(shape(hint))
        if isinstance(hint, str):
            return template
        ((kind, fields),) = hint.items()
        brackets = template is None
        if brackets:
            # Another shape's wording does, as long as sums are kept together.
            template = next(text for key, text in self.templates.items() if key[0] == kind)
        for name, value in fields.items():
            word = operand(value)
            if brackets and "BinOp" in value:
                word = f"({word})"
            template = template.replace(f"\0{name}\0", word)
        return template


def loaded(entry, wording):
    if "deprecated" in entry:
        return DeprecatedCompiledClass.load(json.load(open(entry["deprecated"])))
    document = json.load(open(entry["casm"]))
    if not document.get("pythonic_hints"):
        other = recompiled(entry["sierra"])
        if other is not None and other["bytecode"] == document["bytecode"]:
            document["pythonic_hints"] = other["pythonic_hints"] or []
            wording.learn(other)
        else:
            document["pythonic_hints"] = [
                [place, [wording.text(hint) for hint in hints]] for place, hints in document["hints"]
            ]
    if document.get("bytecode_segment_lengths") is None:
        document.pop("bytecode_segment_lengths", None)
    return CompiledClass.load(document)


# Running.


class World:
    """What is stored before a job: classes, and nothing else."""

    def __init__(self, classes):
        self.classes = classes

    def get_compiled_class(self, compiled_class_hash):
        return self.classes[compiled_class_hash]

    def get_compiled_class_hash(self, class_hash):
        found = self.classes.get(class_hash)
        return 0 if found is None or isinstance(found, DeprecatedCompiledClass) else class_hash

    def get_class_hash_at(self, contract_address):
        return 0

    def get_nonce_at(self, data_availability_mode=None, contract_address=0):
        return 0

    def get_storage_at(self, data_availability_mode=None, contract_address=0, key=0):
        return 0


def calls_of(info):
    yield info
    for inner in info.inner_calls:
        yield from calls_of(inner)


def outcome(info):
    every = list(calls_of(info))
    events = sorted(
        ((event.order, call.contract_address, event) for call in every for event in call.execution.events),
        key=lambda item: item[0],
    )
    messages = sorted(
        (
            (message.order, call.contract_address, message)
            for call in every
            for message in call.execution.l2_to_l1_messages
        ),
        key=lambda item: item[0],
    )
    return {
        "failed": bool(info.execution.failed),
        "innerFailed": any(call.execution.failed for call in every[1:]),
        "calls": len(every),
        "returned": [hex(felt) for felt in info.execution.retdata],
        "gas": info.execution.gas_consumed,
        "steps": info.resources.n_steps,
        "holes": info.resources.n_memory_holes,
        "builtins": dict(info.resources.builtin_instance_counter),
        "events": [
            [hex(address), [hex(key) for key in event.keys], [hex(felt) for felt in event.data]]
            for _, address, event in events
        ],
        "messages": [
            [hex(address), hex(message.to_address), [hex(felt) for felt in message.payload]]
            for _, address, message in messages
        ],
    }


def message_of(error):
    text = str(error)
    return f"{type(error).__name__}: {text[:300]} ... {text[-300:]}" if len(text) > 700 else (
        f"{type(error).__name__}: {text}"
    )


def run(job, classes, block, config, limits):
    world = World(classes)
    state = CachedSyncState(block_info=block, state_reader=world)
    state.set_compiled_class_cache({})
    state.set_raw_compiled_class_cache({})
    for address, class_hash in job["contracts"]:
        state.cache._class_hash_writes[int(address, 16)] = int(class_hash, 16)
    outcomes = []
    for call in job["calls"]:
        try:
            info = ExecuteEntryPoint.create_for_testing(
                contract_address=int(call["address"], 16),
                calldata=[int(felt, 16) for felt in call["calldata"]],
                entry_point_selector=int(call["selector"], 16),
                entry_point_type=EntryPointType[call["kind"]],
                caller_address=int(call["caller"], 16),
                initial_gas=limits["gas"],
            ).execute(
                state=state,
                resources_manager=ExecutionResourcesManager.empty(),
                tx_execution_context=TransactionExecutionContext.create_for_testing(
                    n_steps=limits["steps"]
                ),
                general_config=config,
                support_reverted=True,
            )
            outcomes.append(outcome(info))
        except Exception as error:
            outcomes.append({"error": message_of(error)})
    return {
        "id": job["id"],
        "outcomes": outcomes,
        "storage": [
            [hex(address), hex(key), hex(value)]
            for (address, key), value in state.cache._storage_writes.items()
            if value != 0
        ],
        "deployed": [
            [hex(address), hex(class_hash)]
            for address, class_hash in state.cache._class_hash_writes.items()
        ],
    }


def main():
    logging.disable(logging.CRITICAL)
    request = json.load(sys.stdin)
    config = StarknetGeneralConfig()
    wording = HintWording()
    for donor in request.get("donors", []):
        document = recompiled(donor)
        if document is not None:
            wording.learn(document)
    classes = {}
    for entry in request["classes"]:
        try:
            classes[int(entry["hash"], 16)] = loaded(entry, wording)
        except Exception as error:
            print(json.dumps({"class": entry["hash"], "error": message_of(error)}), flush=True)
    block = dataclasses.replace(
        BlockInfo.empty(sequencer_address=int(request["block"]["sequencer"], 16)),
        block_number=request["block"]["number"],
        block_timestamp=request["block"]["timestamp"],
    )
    print(json.dumps({"chain": hex(config.chain_id.value)}), flush=True)
    for job in request["jobs"]:
        print(json.dumps(run(job, classes, block, config, request)), flush=True)


main()
