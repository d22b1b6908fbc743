"""The unmodified starknet-py client with Cairo contracts on a cluster of nodes.

Reads one JSON object from the file named by the first argument: what client.py reads, and
  pairs      paths of Sierra classes that have their CASM beside them (.sierra.json, .casm.json)
  examples   folder of the contracts that are compiled from source for tests
  genesis    paths of the classes that the genesis declares: one in Sierra, then Cairo 0
  without    the index of the node that has no compiler

Declares and uses every ERC-20 and every account with one public key among the pairs, then the
examples; compares what all nodes answer, and holds raw answers against the OpenRPC documents.
"""

import asyncio
import json
import os
import sys
import warnings

from client import INTERVAL, STRK, UNIT, Raw, bounds, require, transfer
from starknet_py.cairo.felt import encode_shortstring
from starknet_py.common import create_compiled_contract, create_sierra_compiled_contract
from starknet_py.contract import Contract
from starknet_py.hash.address import compute_address
from starknet_py.hash.class_hash import compute_class_hash
from starknet_py.hash.selector import get_selector_from_name
from starknet_py.hash.sierra_class_hash import compute_sierra_class_hash
from starknet_py.net.account.account import Account
from starknet_py.net.client_errors import ClientError
from starknet_py.net.client_models import Call, TransactionExecutionStatus
from starknet_py.net.full_node_client import FullNodeClient
from starknet_py.net.signer.key_pair import KeyPair
from starknet_py.net.udc_deployer.deployer import Deployer

SUPPLY = 10**24
TRANSFER_EVENT = get_selector_from_name("Transfer")


def read(path):
    with open(path) as file:
        return file.read()


class Pair:
    """A class with its compiled form, and what its ABI says that it is."""

    def __init__(self, path):
        self.name = path.rsplit("/", 1)[1].removesuffix(".sierra.json")
        self.sierra = read(path)
        self.casm = read(path.removesuffix(".sierra.json") + ".casm.json")
        abi = json.loads(self.sierra).get("abi")
        if isinstance(abi, str):
            abi = json.loads(abi)
        self.functions, self.constructor = {}, None
        for entry in abi or []:
            if entry["type"] == "function":
                self.functions[entry["name"]] = entry
            elif entry["type"] == "interface":
                self.functions |= {item["name"]: item for item in entry["items"]}
            elif entry["type"] == "constructor":
                self.constructor = entry["inputs"]

    @property
    def is_account(self):
        return "__validate_deploy__" in self.functions and [
            entry["name"].strip("_") for entry in self.constructor or []
        ] == ["public_key"]

    @property
    def verifies(self):
        """Whether its validation can verify a STARK curve signature; some classes for tests don't."""
        return any(
            "ec_op" in entry["builtins"]
            for entry in json.loads(self.casm)["entry_points_by_type"]["EXTERNAL"]
            if int(entry["selector"], 16) == get_selector_from_name("__validate__")
        )

    def token_arguments(self, owner):
        """Arguments for an ERC-20's constructor; None where the class is none."""
        if not {"transfer", "approve", "transfer_from"} <= set(self.functions):
            return None
        known = {
            "name": "Token", "symbol": "TKN", "decimals": 18, "supply": SUPPLY,
            "initial_supply": SUPPLY, "amount": SUPPLY, "recipient": owner, "owner": owner,
        }
        arguments = {}
        for entry in self.constructor or []:
            name = entry["name"].strip("_")
            if name not in known:
                return None
            value = known[name]
            if isinstance(value, str) and entry["type"].endswith("felt252"):
                value = encode_shortstring(value)
            arguments[entry["name"]] = value
        return arguments if self.constructor else None


class NewerSierra(Exception):
    """The class is of a later Sierra than the compiler knows."""


class Contracts:
    def __init__(self, setting):
        self.setting = setting
        self.urls = setting["nodes"]
        self.clients = [FullNodeClient(node_url=url) for url in self.urls]
        self.raw = Raw(setting["documents"])
        self.hashes = []
        self.done = {"tokens": 0, "accounts": 0, "verifying accounts": 0, "examples": 0}
        self.done["genesis classes"] = 0
        self.newer = []

    def ask(self, url, method, **params):
        return self.raw.result(url, "starknet_" + method, **params)

    async def everywhere(self, hash_):
        """Every node has the transaction, with one receipt; the receipt."""
        receipts = [
            await client.wait_for_tx(hash_, check_interval=INTERVAL) for client in self.clients
        ]
        for receipt in receipts[1:]:
            require(receipt == receipts[0], f"{hash_:#x}: receipts differ")
        self.hashes.append(hash_)
        return receipts[0]

    async def run(self):
        first = self.clients[0]
        chain = int(await first.get_chain_id(), 16)
        self.chain = chain
        compiling = [c for i, c in enumerate(self.clients) if i != self.setting["without"]]
        self.accounts = [
            Account(
                address=int(entry["address"], 16), client=compiling[index % len(compiling)],
                key_pair=KeyPair.from_private_key(int(entry["secretKey"], 16)), chain=chain,
            )
            for index, entry in enumerate(self.setting["accounts"])
        ]
        pairs = [Pair(path) for path in self.setting["pairs"]]
        examples = self.setting["examples"]
        await self.genesis()
        own = Pair(f"{examples}/erc20.sierra.json")
        await self.without_compiler(own)
        token = await self.token(own)
        declared = {own.sierra}
        for pair in pairs:
            if pair.token_arguments(0) and pair.sierra not in declared:
                declared.add(pair.sierra)
                await self.unless_newer(pair, self.token(pair))
        for pair in pairs:
            if pair.is_account and pair.sierra not in declared:
                declared.add(pair.sierra)
                await self.unless_newer(pair, self.account(pair, token))
        await self.counter(Pair(f"{examples}/counter.sierra.json"))
        await self.hostile(Pair(f"{examples}/hostile.sierra.json"))
        await self.refusals(own)
        await self.traces()
        require(all(count > 0 for count in self.done.values()), f"too little: {self.done}")
        print(
            f"{self.done['tokens']} ERC-20 classes, {self.done['accounts']} account classes and"
            f" {self.done['examples']} examples; of a later Sierra than the compiler's and refused:"
            f" {', '.join(self.newer) or 'none'}; {len(self.hashes)} transactions;"
            f" {self.raw.checked} answers of {len(self.raw.methods)} methods met the OpenRPC"
            " documents"
        )

    async def genesis(self):
        """The classes of the genesis are there from block 0 on, and can be deployed."""
        account = self.accounts[6]
        for path in self.setting["genesis"]:
            text = read(path)
            if "sierra_program" in json.loads(text):
                hash_ = compute_sierra_class_hash(create_sierra_compiled_contract(text))
            else:
                hash_ = compute_class_hash(create_compiled_contract(text))
            for url, client in zip(self.urls, self.clients):
                self.ask(url, "getClass", class_hash=hex(hash_), block_id={"block_number": 0})
                await client.get_class_by_hash(hash_, block_number=0)
            deployed = await account.execute_v3(
                Deployer().create_contract_deployment(hash_).call, auto_estimate=True
            )
            receipt = await self.everywhere(deployed.transaction_hash)
            address = receipt.events[0].data[0]
            for url, client in zip(self.urls, self.clients):
                require(await client.get_class_hash_at(address) == hash_, f"{path}: class")
                self.ask(url, "getClassAt", contract_address=hex(address), block_id="latest")
            self.done["genesis classes"] += 1

    async def without_compiler(self, pair):
        """The node that cannot compile says so, to who declares and to who estimates that."""
        index = self.setting["without"]
        payer = self.accounts[7]
        account = Account(
            address=payer.address, client=self.clients[index], key_pair=payer.signer.key_pair,
            chain=self.chain,
        )
        for automatic in (True, False):
            try:
                await Contract.declare_v3(
                    account, pair.sierra, compiled_contract_casm=pair.casm,
                    auto_estimate=automatic, resource_bounds=None if automatic else bounds(10**8),
                )
                raise AssertionError("a node without a compiler took a declaration")
            except ClientError as error:
                require("no Sierra compiler" in error.message, error.message)

    async def unless_newer(self, pair, work):
        try:
            await work
        except NewerSierra:
            self.newer.append(pair.name)

    async def declare(self, pair, account):
        try:
            result = await Contract.declare_v3(
                account, pair.sierra, compiled_contract_casm=pair.casm, auto_estimate=True
            )
        except ClientError as error:
            if "Cannot compile Sierra version" in error.message:
                raise NewerSierra() from error
            raise
        await self.everywhere(result.hash)
        casms = []
        for url, client in zip(self.urls, self.clients):
            known = await client.get_class_by_hash(result.class_hash)
            require(
                len(known.sierra_program) > 0 and await client.get_compiled_casm(result.class_hash),
                f"{pair.name}: class",
            )
            casms.append(self.ask(url, "getCompiledCasm", class_hash=hex(result.class_hash)))
            self.ask(url, "getClass", class_hash=hex(result.class_hash), block_id="latest")
        require(all(casm == casms[0] for casm in casms), f"{pair.name}: CASM differs")
        bytecode = json.loads(pair.casm)["bytecode"]
        require(
            [int(x, 16) for x in casms[0]["bytecode"]] == [int(x, 16) for x in bytecode],
            f"{pair.name}: bytecode",
        )
        return result

    async def token(self, pair):
        """Declared, deployed and used by two accounts, from the first declared to the last event."""
        giver, taker = self.accounts[0], self.accounts[1]
        declared = await self.declare(pair, giver)
        deployed = await declared.deploy_v3(
            constructor_args=pair.token_arguments(giver.address), auto_estimate=True
        )
        await self.everywhere(deployed.hash)
        token = deployed.deployed_contract
        address = token.address

        async def balances(account):
            answers = [
                await client.call_contract(
                    Call(address, get_selector_from_name("balance_of"), [account])
                )
                for client in self.clients
            ]
            require(all(answer == answers[0] for answer in answers), f"{pair.name}: balances")
            return answers[0][0] + (answers[0][1] << 128)

        require(await balances(giver.address) == SUPPLY, f"{pair.name}: supply")
        sent = await token.functions["transfer"].invoke_v3(
            taker.address, 5 * UNIT, auto_estimate=True
        )
        receipt = await self.everywhere(sent.hash)
        require(
            any(
                event.from_address == address and event.keys[0] == TRANSFER_EVENT
                for event in receipt.events
            ),
            f"{pair.name}: no Transfer event",
        )
        approved = await token.functions["approve"].invoke_v3(
            taker.address, 3 * UNIT, auto_estimate=True
        )
        await self.everywhere(approved.hash)
        taken = await taker.execute_v3(
            [
                Call(
                    address, get_selector_from_name("transfer_from"),
                    [giver.address, 0x99, 2 * UNIT, 0],
                ),
                Call(address, get_selector_from_name("transfer"), [0x99, UNIT, 0]),
            ],
            auto_estimate=True,
        )
        await self.everywhere(taken.transaction_hash)
        require(await balances(0x99) == 3 * UNIT, f"{pair.name}: what was taken")
        require(await balances(taker.address) == 4 * UNIT, f"{pair.name}: what is left")
        # More than there is: in a block, reverted, and without any effect.
        lost = await giver.execute_v3(
            [Call(address, get_selector_from_name("transfer"), [1, 0, 1])],
            resource_bounds=bounds(),
        )
        await self.reverted(lost.transaction_hash)
        require(await balances(giver.address) == SUPPLY - 7 * UNIT, f"{pair.name}: the giver's")
        await self.events(address, pair.name)
        self.done["tokens"] += 1
        return address

    async def reverted(self, hash_):
        reasons = set()
        for client in self.clients:
            try:
                await client.wait_for_tx(hash_, check_interval=INTERVAL)
                raise AssertionError(f"{hash_:#x} succeeded")
            except ClientError:
                raise
            except Exception as error:  # starknet-py's TransactionRevertedError
                require("revert" in type(error).__name__.lower(), repr(error))
            receipt = await client.get_transaction_receipt(hash_)
            require(
                receipt.execution_status == TransactionExecutionStatus.REVERTED,
                f"{hash_:#x}: {receipt}",
            )
            reasons.add(receipt.revert_reason)
        require(len(reasons) == 1, f"{hash_:#x}: reasons differ: {reasons}")
        self.hashes.append(hash_)
        return reasons.pop()

    async def events(self, address, name):
        """By pages of every size the same, and the same at every node."""
        seen = []
        for client, size in zip(self.clients, (1, 2, 3, 100)):
            found, token = [], None
            while True:
                page = await client.get_events(
                    address=address, from_block_number=0, to_block_number="latest",
                    chunk_size=size, continuation_token=token,
                )
                require(len(page.events) <= size, f"{name}: a page is longer than asked")
                found += [(e.transaction_hash, tuple(e.keys), tuple(e.data)) for e in page.events]
                token = page.continuation_token
                if not token:
                    break
            seen.append(found)
        require(all(found == seen[0] for found in seen), f"{name}: events differ")
        require(len(seen[0]) >= 4, f"{name}: {len(seen[0])} events")

    async def account(self, pair, token):
        """An account of a foreign class: declared, deployed by itself, and used for many calls."""
        payer = self.accounts[2]
        declared = await self.declare(pair, payer)
        keys = KeyPair.generate()
        arguments = [keys.public_key]
        address = compute_address(
            class_hash=declared.class_hash, salt=7, constructor_calldata=arguments
        )
        sent = await payer.execute_v3([transfer(address, 1000 * UNIT)], auto_estimate=True)
        await self.everywhere(sent.transaction_hash)
        deployed = await Account.deploy_account_v3(
            address=address, class_hash=declared.class_hash, salt=7, key_pair=keys,
            client=self.clients[3 % len(self.clients)], constructor_calldata=arguments,
            auto_estimate=True,
        )
        receipt = await self.everywhere(deployed.hash)
        require(receipt.contract_address == address, f"{pair.name}: address")
        given = await self.accounts[0].execute_v3(
            [Call(token, get_selector_from_name("transfer"), [address, 50, 0])],
            auto_estimate=True,
        )
        await self.everywhere(given.transaction_hash)
        account = deployed.account
        calls = [
            Call(token, get_selector_from_name("transfer"), [0x500, 20, 0]),
            transfer(0x501, 30),
            Call(token, get_selector_from_name("approve"), [0x502, 7, 0]),
        ]
        sent = await account.execute_v3(calls, auto_estimate=True)
        receipt = await self.everywhere(sent.transaction_hash)
        # Three calls and the fee.
        require(len(receipt.events) >= 4, f"{pair.name}: {len(receipt.events)} events")
        for index, client in enumerate(self.clients):
            account = Account(address=address, client=client, key_pair=keys, chain=self.chain)
            sent = await account.execute_v3([transfer(0x503, 1)], auto_estimate=True)
            await self.everywhere(sent.transaction_hash)
        # A signature by somebody else.
        stranger = Account(
            address=address, client=self.clients[0], key_pair=KeyPair.generate(), chain=self.chain
        )
        if pair.verifies:
            self.done["verifying accounts"] += 1
            try:
                await stranger.execute_v3([transfer(1, 1)], resource_bounds=bounds())
                raise AssertionError(f"{pair.name}: a wrong signature was taken")
            except ClientError as error:
                require(str(error.code) == "55", f"{pair.name}: {error.code} {error.message}")
        await self.simulations(account, calls[:1])
        self.done["accounts"] += 1

    async def simulations(self, account, calls):
        """The same by simulation, by estimate, and in a block."""
        client = account.client
        signed = await account.sign_invoke_v3(calls, resource_bounds=bounds())
        plain = await client.simulate_transactions([signed], block_number="latest")
        free = await client.simulate_transactions(
            [signed], block_number="latest", skip_validate=True, skip_fee_charge=True
        )
        read = await client.simulate_transactions(
            [signed], block_number="latest", return_initial_reads=True
        )
        require(read.simulated_transactions[0] == plain[0], "reads change what is simulated")
        require(
            any(
                entry.contract_address == account.address for entry in read.initial_reads.nonces
            ),
            f"the account's nonce was not read: {read.initial_reads}",
        )
        require(plain[0].transaction_trace.fee_transfer_invocation, "no fee was simulated")
        require(free[0].transaction_trace.fee_transfer_invocation is None, "a fee was simulated")
        require(free[0].transaction_trace.validate_invocation is None, "validation was simulated")
        sent = await client.send_transaction(signed)
        receipt = await self.everywhere(sent.transaction_hash)
        require(
            receipt.actual_fee.amount == plain[0].fee_estimation.overall_fee,
            f"fee {receipt.actual_fee}, simulated {plain[0].fee_estimation}",
        )
        trace = await client.trace_transaction(sent.transaction_hash)
        require(
            trace.execute_invocation == plain[0].transaction_trace.execute_invocation,
            "the trace is not what was simulated",
        )

    async def counter(self, pair):
        """Compiled here: calls, events, a message to L1, and what one from L1 would cost."""
        account = self.accounts[3]
        declared = await self.declare(pair, account)
        deployed = await declared.deploy_v3(
            constructor_args={"value": 100, "gateway": 0x1234}, auto_estimate=True
        )
        await self.everywhere(deployed.hash)
        counter = deployed.deployed_contract
        sent = await counter.functions["increase"].invoke_v3(11, auto_estimate=True)
        await self.everywhere(sent.hash)
        require((await counter.functions["value"].call())[0] == 111, "the counter's value")
        sent = await counter.functions["withdraw"].invoke_v3(0x77, 5, auto_estimate=True)
        receipt = await self.everywhere(sent.hash)
        require(
            [(m.l1_address, m.l2_address) for m in receipt.messages_sent]
            == [(0x1234, counter.address)],
            f"messages {receipt.messages_sent}",
        )
        # Below 0: a panic, with its reason.
        sent = await account.execute_v3(
            [Call(counter.address, get_selector_from_name("decrease"), [10**9])],
            resource_bounds=bounds(),
        )
        await self.reverted(sent.transaction_hash)
        for url, client in zip(self.urls, self.clients):
            message = {
                "from_address": "0x0000000000000000000000000000000000001234",
                "to_address": hex(counter.address),
                "entry_point_selector": hex(get_selector_from_name("deposit")),
                "payload": [hex(account.address), "0x9"],
            }
            estimate = self.ask(
                url, "estimateMessageFee", message=message, block_id="latest"
            )
            require(estimate["unit"] == "WEI", f"{estimate}")
            storage = [{"contract_address": hex(counter.address), "storage_keys": ["0x1"]}]
            proof = self.ask(
                url, "getStorageProof", block_id="latest", class_hashes=[hex(declared.class_hash)],
                contract_addresses=[hex(counter.address), "0x12345"],
                contracts_storage_keys=storage,
            )
            require(len(proof["classes_proof"]) > 0, f"{proof}")
            answer = self.raw.post(
                url, "starknet_getMessagesStatus", {"transaction_hash": "0x" + "11" * 32}
            )
            require(answer.get("error", {}).get("code") == 29, f"{answer}")
        self.done["examples"] += 1

    async def hostile(self, pair):
        """What never ends, digs too deep or asks for too much is reverted and paid for."""
        account = self.accounts[4]
        declared = await self.declare(pair, account)
        deployed = await declared.deploy_v3(constructor_args=[], auto_estimate=True)
        await self.everywhere(deployed.hash)
        address = deployed.deployed_contract.address
        for name, arguments in (
            ("loop_forever", []), ("loop_forever_writing", []), ("recurse_by_call", [10**6]),
            ("recurse", [10**9]), ("write_cells", [1, 2**32 - 1, 1]),
            ("emit_events", [10**5, 3, 3]), ("panic_felts", [1000]),
        ):
            sent = await account.execute_v3(
                [Call(address, get_selector_from_name(name), arguments)],
                resource_bounds=bounds(10**8),
            )
            reason = await self.reverted(sent.transaction_hash)
            require(reason, f"{name}: no reason")
        self.done["examples"] += 1

    async def refusals(self, pair):
        """Declarations that no block may have."""
        account = self.accounts[5]

        async def expect(code, what, awaitable):
            try:
                await awaitable
            except ClientError as error:
                require(str(error.code) == str(code), f"{what}: {error.code} {error.message}")
                return
            raise AssertionError(f"{what} was taken")

        async def declare(sierra, compiled_hash):
            signed = await account.sign_declare_v3(
                sierra, compiled_class_hash=compiled_hash, resource_bounds=bounds(10**8)
            )
            return await account.client.declare(signed)

        from starknet_py.common import create_casm_class
        from starknet_py.hash.casm_class_hash import compute_casm_class_hash
        from starknet_py.hash.hash_method import HashMethod

        hash_ = compute_casm_class_hash(create_casm_class(pair.casm), HashMethod.POSEIDON)
        await expect(51, "a class declared twice", declare(pair.sierra, hash_))
        other = json.loads(read(f"{self.setting['examples']}/bench.sierra.json"))
        text = json.dumps(other)
        await expect(60, "a wrong compiled class hash", declare(text, 0x1234))
        other["sierra_program"] = other["sierra_program"][:100]
        await expect(56, "a class that does not compile", declare(json.dumps(other), 0x1234))

    async def traces(self):
        """Every block's traces, the same at every node, and the same one by one."""
        height = await self.clients[0].get_block_number()
        for client in self.clients:
            while await client.get_block_number() < height:
                await asyncio.sleep(INTERVAL)
        traced = 0
        for number in range(height + 1):
            block = {"block_number": number}
            count = self.ask(self.urls[0], "getBlockTransactionCount", block_id=block)
            if count == 0:
                continue
            answers = [
                self.ask(url, "traceBlockTransactions", block_id=block, trace_flags=[])
                for url in self.urls
            ]
            require(all(a == answers[0] for a in answers), f"traces of block {number} differ")
            require(len(answers[0]) == count, f"traces of block {number}")
            for entry in answers[0]:
                traced += 1
                url = self.urls[traced % len(self.urls)]
                hash_ = entry["transaction_hash"]
                single = self.ask(url, "traceTransaction", transaction_hash=hash_)
                require(single == entry["trace_root"], f"trace of {hash_}")
        require(traced >= len(self.hashes), f"{traced} traces of {len(self.hashes)} transactions")


def main():
    with open(sys.argv[1]) as file:
        setting = json.load(file)
    warnings.simplefilter("error")
    asyncio.run(Contracts(setting).run())


if __name__ == "__main__":
    main()
