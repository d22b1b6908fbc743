"""The unmodified starknet-py client against a cluster of nodes.

Reads one JSON object from the file named by the first argument:
  nodes      base URLs of the nodes
  accounts   [{address, publicKey, secretKey}], funded
  documents  paths of OpenRPC documents whose schemas raw answers must meet; may be empty
The second argument is what to do:
  check      deploy, transfer, and compare everything that the nodes answer; ends with a summary
  load       sends transfers through all nodes until standard input closes; survives nodes that
             go away, and says at the end how many were taken
Ends with status 1 and a reason when anything is not as it must be.
"""

import asyncio
import json
import os
import random
import sys
import urllib.request
import warnings

from starknet_py.hash.address import compute_address
from starknet_py.hash.selector import get_selector_from_name
from starknet_py.net.account.account import Account
from starknet_py.net.client_errors import ClientError
from starknet_py.net.client_models import (
    Call,
    ResourceBounds,
    ResourceBoundsMapping,
    TransactionExecutionStatus,
    TransactionFinalityStatus,
)
from starknet_py.net.full_node_client import FullNodeClient
from starknet_py.net.signer.key_pair import KeyPair

STRK = 0x04718F5A0FC34CC1AF16A1CDEE98FFB20C31F5CD61D6AB07201858F4287C938D
TRANSFER = get_selector_from_name("transfer")
TRANSFER_EVENT = get_selector_from_name("Transfer")
PRICE = 10**10
UNIT = 10**18
TRANSFERS = 100
INTERVAL = 0.1


def bounds(gas=10**7):
    return ResourceBoundsMapping(
        l1_gas=ResourceBounds(gas, PRICE),
        l1_data_gas=ResourceBounds(gas, PRICE),
        l2_gas=ResourceBounds(10 * gas, PRICE),
    )


def transfer(recipient, amount):
    return Call(STRK, TRANSFER, [recipient, amount & (2**128 - 1), amount >> 128])


def require(condition, reason):
    if not condition:
        raise AssertionError(reason)


def read_document(path):
    """An OpenRPC document. Its alternatives overlap (a block of transaction hashes meets the
    schema of a pre-confirmed one too), so that one of them or more must hold. It gives the offset
    of a CASM cell a minimum of 0, although such offsets are signed and every compiler writes them
    so: that bound is left out."""

    def corrected(table):
        if table.get("title") == "CellRef":
            del table["properties"]["offset"]["minimum"]
        return {"anyOf" if key == "oneOf" else key: value for key, value in table.items()}

    with open(path) as file:
        return json.load(file, object_hook=corrected)


class Raw:
    """Bare JSON-RPC requests, whose results are held against the OpenRPC documents."""

    def __init__(self, paths):
        self.validators = {}
        self.methods = set()
        self.checked = 0
        if not paths:
            return
        from jsonschema import Draft7Validator
        from referencing import Registry, Resource
        from referencing.jsonschema import DRAFT7

        # What they refer to is resolved as an address, in which no ".." stays.
        paths = [os.path.realpath(path) for path in paths]
        # One set of documents per release; those beside each other refer to each other as
        # ./api/<name>.
        for path in paths:
            document = read_document(path)
            base = "http://documents" + path
            registry = Registry()
            for other in paths:
                if other.rsplit("/", 1)[0] != path.rsplit("/", 1)[0]:
                    continue
                resource = Resource.from_contents(read_document(other), DRAFT7)
                name = other.rsplit("/", 1)[1]
                folder = base.rsplit("/", 1)[0]
                registry = registry.with_resource(folder + "/" + name, resource)
                registry = registry.with_resource(folder + "/api/" + name, resource)
            for index, method in enumerate(document.get("methods", [])):
                if "result" not in method:
                    continue
                pointer = f"{base}#/methods/{index}/result/schema"
                validator = Draft7Validator({"$ref": pointer}, registry=registry)
                self.validators.setdefault(method["name"], []).append(validator)

    def post(self, url, method, params):
        body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
        request = urllib.request.Request(
            url, body.encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def result(self, url, method, **params):
        answer = self.post(url, method, params)
        require("result" in answer, f"{method} {params}: {answer}")
        result = answer["result"]
        found = self.validators.get(method, [])
        errors = [next(validator.iter_errors(result), None) for validator in found]
        # A node speaks one release: its answers must meet at least one of the documents.
        if errors and all(errors):
            raise AssertionError(f"{method} {params}: {errors[-1].message} in {result}"[:3000])
        if errors:
            self.methods.add(method)
            self.checked += 1
        return result


class Check:
    def __init__(self, setting):
        self.urls = setting["nodes"]
        self.clients = [FullNodeClient(node_url=url) for url in self.urls]
        self.setting = setting
        self.raw = Raw(setting["documents"])

    async def all_have(self, hash_):
        """Every node has the transaction in a final block; their receipts."""
        return [
            await client.wait_for_tx(hash_, check_interval=INTERVAL)
            for client in self.clients
        ]

    async def balance(self, address, client=None, **block):
        low, high = await (client or self.clients[0]).call_contract(
            Call(STRK, get_selector_from_name("balance_of"), [address]), **block
        )
        return low + (high << 128)

    async def run(self):
        first = self.clients[0]
        require(await first.spec_version() == "0.10.2", "specification version")
        self.chain = int(await first.get_chain_id(), 16)
        for client in self.clients:
            require(int(await client.get_chain_id(), 16) == self.chain, "chain id")
            require(await client.get_syncing_status() is False, "a node still syncs")
        self.funded = [
            (int(entry["address"], 16), KeyPair.from_private_key(int(entry["secretKey"], 16)))
            for entry in self.setting["accounts"]
        ]
        self.class_hash = await first.get_class_hash_at(self.funded[0][0])
        self.start = {
            address: await self.balance(address) for address, _ in self.funded
        }
        await self.deploy()
        await self.transfers()
        await self.refusals()
        await self.reverted()
        await self.balances()
        height = min([await client.get_block_number() for client in self.clients])
        self.schemas(height)
        await self.blocks(height)
        await self.events(height)
        await self.state(height)
        print(
            f"{len(self.hashes)} transactions, {height} blocks,"
            f" {self.raw.checked} answers of {len(self.raw.methods)} methods"
            " met the OpenRPC documents"
        )

    def account(self, index, client):
        address, keys = self.funded[index]
        return Account(address=address, client=client, key_pair=keys, chain=self.chain)

    async def deploy(self):
        self.fees = {address: 0 for address, _ in self.funded}
        self.spent = {address: 0 for address, _ in self.funded}
        self.received = {}
        self.hashes = []
        keys = KeyPair.generate()
        self.new = compute_address(
            class_hash=self.class_hash, salt=keys.public_key,
            constructor_calldata=[keys.public_key],
        )
        self.new_keys = keys
        giver = self.account(0, self.clients[0])
        estimate = await giver.estimate_fee(
            await giver.sign_invoke_v3(
                [transfer(self.new, 50 * UNIT)], resource_bounds=bounds()
            )
        )
        require(estimate.overall_fee > 0, "the estimated fee is nothing")
        sent = await giver.execute_v3(
            [transfer(self.new, 50 * UNIT)], auto_estimate=True
        )
        await self.note(sent.transaction_hash, self.funded[0][0], self.new, 50 * UNIT)
        result = await Account.deploy_account_v3(
            address=self.new, class_hash=self.class_hash, salt=keys.public_key,
            key_pair=keys, client=self.clients[1],
            constructor_calldata=[keys.public_key], auto_estimate=True,
        )
        await result.wait_for_acceptance(check_interval=INTERVAL)
        receipts = await self.all_have(result.hash)
        require(receipts[0].contract_address == self.new, "the deployed address")
        self.hashes.append(result.hash)
        self.fees[self.new] = receipts[0].actual_fee.amount
        self.spent[self.new] = 0
        for client in self.clients:
            require(
                await client.get_class_hash_at(self.new) == self.class_hash,
                "class of the new account",
            )

    async def note(self, hash_, sender, recipient, amount):
        """Waits until every node has a transfer, and books it."""
        receipts = await self.all_have(hash_)
        for receipt in receipts:
            require(
                receipt.execution_status == TransactionExecutionStatus.SUCCEEDED,
                f"{hash_:#x}: {receipt.revert_reason}",
            )
            require(
                receipt.finality_status == TransactionFinalityStatus.ACCEPTED_ON_L2,
                f"{hash_:#x}: {receipt.finality_status}",
            )
            require(receipt.block_hash == receipts[0].block_hash, f"{hash_:#x}: two blocks")
        self.hashes.append(hash_)
        self.fees[sender] += receipts[0].actual_fee.amount
        self.spent[sender] += amount
        self.received[recipient] = self.received.get(recipient, 0) + amount

    async def transfers(self):
        """Pipelined nonces through one node an account, then one account through every node."""
        single = len(self.clients)
        share = (TRANSFERS - single) // len(self.funded)
        rest = (TRANSFERS - single) % len(self.funded)

        async def lane(index):
            client = self.clients[index % len(self.clients)]
            account = self.account(index, client)
            nonce = await account.get_nonce()
            sent = []
            for step in range(share + (1 if index < rest else 0)):
                recipient, amount = 0x7000 + index, UNIT + step
                signed = await account.sign_invoke_v3(
                    [transfer(recipient, amount)], nonce=nonce + step, resource_bounds=bounds()
                )
                response = await client.send_transaction(signed)
                require(
                    response.transaction_hash == signed.calculate_hash(self.chain),
                    "the node computes another transaction hash",
                )
                sent.append((response.transaction_hash, recipient, amount))
            for hash_, recipient, amount in sent:
                await self.note(hash_, self.funded[index][0], recipient, amount)

        await asyncio.gather(*(lane(index) for index in range(len(self.funded))))
        for index, client in enumerate(self.clients):
            account = Account(
                address=self.new, client=client, key_pair=self.new_keys, chain=self.chain
            )
            sent = await account.execute_v3(
                [transfer(0x7100 + index, 3), transfer(0x7200, 4)], auto_estimate=True
            )
            await self.note(sent.transaction_hash, self.new, 0x7100 + index, 3)
            self.spent[self.new] += 4
            self.received[0x7200] = self.received.get(0x7200, 0) + 4

    async def expect(self, code, what, awaitable):
        try:
            await awaitable
        except ClientError as error:
            require(str(error.code) == str(code), f"{what}: {error.code} {error.message}")
            return
        raise AssertionError(f"{what} was taken")

    async def refusals(self):
        client = self.clients[2 % len(self.clients)]
        account = self.account(1, client)
        nonce = await account.get_nonce()
        call = [transfer(1, 1)]
        signed = await account.sign_invoke_v3(
            call, nonce=nonce - 1, resource_bounds=bounds()
        )
        await self.expect(52, "an old nonce", client.send_transaction(signed))
        signed = await account.sign_invoke_v3(call, nonce=nonce, resource_bounds=bounds())
        signed.signature[0] ^= 1
        await self.expect(55, "a wrong signature", client.send_transaction(signed))
        signed = await account.sign_invoke_v3(
            call, nonce=nonce, resource_bounds=bounds(10**14)
        )
        await self.expect(54, "bounds above the balance", client.send_transaction(signed))
        await self.expect(24, "an unknown block", client.get_block(block_number=10**9))
        await self.expect(
            29, "an unknown transaction", client.get_transaction_status(0x404)
        )
        await self.expect(20, "an unknown contract", client.get_class_hash_at(0x404))
        await self.expect(
            21, "an unknown entry point", client.call_contract(Call(STRK, 0x404, []))
        )
        await self.expect(28, "an unknown class", client.get_class_by_hash(0x404))

    async def reverted(self):
        """A transfer above the balance is in a block: it pays and its nonce is used."""
        account = self.account(2, self.clients[3 % len(self.clients)])
        nonce = await account.get_nonce()
        sent = await account.execute_v3(
            [transfer(0x7300, 10**40)], nonce=nonce, resource_bounds=bounds()
        )
        for client in self.clients:
            # wait_for_tx raises for a reverted transaction.
            try:
                await client.wait_for_tx(sent.transaction_hash, check_interval=INTERVAL)
                raise AssertionError("a transfer above the balance succeeded")
            except ClientError:
                raise
            except Exception as error:  # starknet-py's TransactionRevertedError
                require("revert" in type(error).__name__.lower(), repr(error))
        receipt = await self.clients[0].get_transaction_receipt(sent.transaction_hash)
        require(
            receipt.execution_status == TransactionExecutionStatus.REVERTED
            and receipt.revert_reason and receipt.actual_fee.amount > 0,
            f"receipt of a reverted transaction: {receipt}",
        )
        self.fees[self.funded[2][0]] += receipt.actual_fee.amount
        self.hashes.append(sent.transaction_hash)
        require(await account.get_nonce() == nonce + 1, "the nonce of a reverted transaction")

    async def balances(self):
        for client in self.clients:
            for address, amount in self.received.items():
                if address != self.new:
                    found = await self.balance(address, client)
                    require(found == amount, f"balance of {address:#x}: {found}, not {amount}")
            for address in [address for address, _ in self.funded] + [self.new]:
                expected = (
                    self.start.get(address, 0) + self.received.get(address, 0)
                    - self.spent[address] - self.fees[address]
                )
                found = await self.balance(address, client)
                require(found == expected, f"balance of {address:#x}: {found}, not {expected}")

    async def blocks(self, height):
        """Every node has the same blocks, each the child of the one before."""
        parent = None
        self.block_events, self.block_hashes = [], []
        self.transactions_seen = 0
        seen = set()
        for number in range(height + 1):
            full = [
                await client.get_block_with_receipts(block_number=number)
                for client in self.clients
            ]
            for other in full:
                require(other == full[0], f"block {number} differs between nodes")
            block = full[0]
            require(
                parent is None or block.parent_hash == parent, f"parent of block {number}"
            )
            parent = block.block_hash
            self.block_hashes.append(parent)
            plain = await self.clients[number % len(self.clients)].get_block(
                block_hash=block.block_hash
            )
            require(plain.block_number == number, f"number of block {number}")
            for item, bare in zip(block.transactions, plain.transactions, strict=True):
                receipt = item.receipt
                hash_ = receipt.transaction_hash
                require(bare.hash == hash_, f"hashes in block {number}")
                seen.add(hash_)
                self.block_events += [
                    (number, hash_, event.from_address, tuple(event.keys), tuple(event.data))
                    for event in receipt.events
                ]
        require(set(self.hashes) <= seen, "a transaction is in no block")
        require(len(self.hashes) == len(set(self.hashes)), "a hash came twice")
        for index, hash_ in enumerate(self.hashes):
            client = self.clients[index % len(self.clients)]
            require((await client.get_transaction(hash_)).hash == hash_, "transaction")
            status = await client.get_transaction_status(hash_)
            require(status.finality_status.value == "ACCEPTED_ON_L2", f"status {status}")

    async def events(self, height):
        for client in self.clients:
            # Pages by hand, so that a page that is too long shows.
            found, token = [], None
            while True:
                page = await client.get_events(
                    address=STRK, keys=[[TRANSFER_EVENT]], from_block_number=0,
                    to_block_number=height, chunk_size=7, continuation_token=token,
                )
                require(len(page.events) <= 7, "a page is longer than asked")
                found += page.events
                token = page.continuation_token
                if not token:
                    break
            expected = [
                event for event in self.block_events
                if event[2] == STRK and event[3][0] == TRANSFER_EVENT
            ]
            require(
                [
                    (e.block_number, e.transaction_hash, e.from_address, tuple(e.keys),
                     tuple(e.data))
                    for e in found
                ] == expected,
                f"{len(found)} events by pages, {len(expected)} in receipts",
            )
            require(len(found) >= 2 * TRANSFERS, f"only {len(found)} Transfer events")

    async def state(self, height):
        root, nonces = None, {}
        for number in range(height + 1):
            update = await self.clients[number % len(self.clients)].get_state_update(
                block_number=number
            )
            require(update.block_hash == self.block_hashes[number], f"update {number}")
            require(root is None or update.old_root == root, f"old root of {number}")
            root = update.new_root
            for entry in update.state_diff.nonces:
                nonces[entry.contract_address] = entry.nonce
        for address in [address for address, _ in self.funded] + [self.new]:
            for client in self.clients:
                found = await client.get_contract_nonce(address, block_number=height)
                require(found == nonces.get(address, 0), f"nonce of {address:#x}")

    def schemas(self, height):
        ask = self.raw.result
        some = [self.hashes[0], self.hashes[1], self.hashes[-1]]
        for url in self.urls:
            ask(url, "starknet_specVersion")
            ask(url, "starknet_chainId")
            ask(url, "starknet_blockNumber")
            ask(url, "starknet_blockHashAndNumber")
            ask(url, "starknet_syncing")
            numbers = {0, 1, height}
            for hash_ in some:
                ask(url, "starknet_getTransactionByHash", transaction_hash=hex(hash_))
                receipt = ask(
                    url, "starknet_getTransactionReceipt", transaction_hash=hex(hash_)
                )
                numbers.add(receipt["block_number"])
                ask(url, "starknet_getTransactionStatus", transaction_hash=hex(hash_))
            blocks = [{"block_number": number} for number in sorted(numbers)]
            for block in blocks + ["latest", "pre_confirmed", "l1_accepted"]:
                for method in (
                    "getBlockWithTxHashes", "getBlockWithTxs", "getBlockWithReceipts",
                    "getStateUpdate", "getBlockTransactionCount",
                ):
                    ask(url, "starknet_" + method, block_id=block)
            latest = {"block_id": "latest"}
            new = hex(self.new)
            ask(url, "starknet_getNonce", contract_address=new, **latest)
            ask(url, "starknet_getClassHashAt", contract_address=new, **latest)
            ask(url, "starknet_getClassAt", contract_address=new, **latest)
            ask(url, "starknet_getClass", class_hash=hex(self.class_hash), **latest)
            ask(url, "starknet_getStorageAt", contract_address=new, key="0x1", **latest)
            ask(
                url, "starknet_getTransactionByBlockIdAndIndex", index=0,
                block_id={"block_number": max(numbers - {height})},
            )
            ask(
                url, "starknet_call", **latest,
                request={
                    "contract_address": hex(STRK), "calldata": [new],
                    "entry_point_selector": hex(get_selector_from_name("balance_of")),
                },
            )
            ask(
                url, "starknet_getEvents",
                filter={"address": hex(STRK), "chunk_size": 5, "keys": []},
            )


async def load(setting):
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, lambda: stopped.set() if not sys.stdin.read(1) else None)
    clients = [FullNodeClient(node_url=url) for url in setting["nodes"]]
    chain = int(setting["chain"], 16)
    taken = refused = lost = 0

    async def lane(index, entry):
        nonlocal taken, refused, lost
        turn = index
        nonce = None
        while not stopped.is_set():
            client = clients[turn % len(clients)]
            account = Account(
                address=int(entry["address"], 16), client=client, chain=chain,
                key_pair=KeyPair.from_private_key(int(entry["secretKey"], 16)),
            )
            try:
                if nonce is None:
                    nonce = await account.get_nonce()
                for _ in range(16):
                    if stopped.is_set():
                        return
                    await account.execute_v3(
                        [transfer(0x8000 + index, 1 + random.randrange(1000))],
                        nonce=nonce, resource_bounds=bounds(),
                    )
                    nonce += 1
                    taken += 1
            except ClientError:
                # The pool is full, or blocks or a crash overtook our nonce: ask for it again.
                refused += 1
                nonce = None
            except (OSError, asyncio.TimeoutError, ValueError) as error:
                lost += 1
                nonce = None
                turn += 1
            except Exception as error:
                if type(error).__module__.split(".")[0] != "aiohttp":
                    raise
                lost += 1
                nonce = None
                turn += 1
            try:
                await asyncio.wait_for(stopped.wait(), 0.05)
            except asyncio.TimeoutError:
                pass  # Still wanted.

    print("load starts", flush=True)
    await asyncio.gather(*(lane(i, e) for i, e in enumerate(setting["accounts"])))
    print(f"load: {taken} taken, {refused} refused, {lost} connections lost", flush=True)


def main():
    with open(sys.argv[1]) as file:
        setting = json.load(file)
    warnings.simplefilter("error")
    if sys.argv[2] == "check":
        asyncio.run(Check(setting).run())
    else:
        asyncio.run(load(setting))


if __name__ == "__main__":
    main()
