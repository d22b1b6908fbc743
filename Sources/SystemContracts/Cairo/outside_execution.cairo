//! Outside execution, version 2 (SNIP-9), and the hash that its owner signs (SNIP-12, revision 1).

use array::{ArrayTrait, SpanTrait};
use option::OptionTrait;
use poseidon::poseidon_hash_span;
use serde::Serde;
use starknet::account::Call;
use starknet::ContractAddress;
use traits::Into;

/// The SRC-5 identifier of `IOutsideExecution` (SNIP-9, version 2).
const INTERFACE_ID: felt252 = 0x1d1144bb2138366ff28d8e9ab57456b1d332ac42196230c3a602003c89872;

/// Who puts this in `caller` lets everybody submit the calls.
const ANY_CALLER: felt252 = 'ANY_CALLER';

/// `starknet_keccak` of
/// `"StarknetDomain"("name":"shortstring","version":"shortstring","chainId":"shortstring",`
/// `"revision":"shortstring")`.
const DOMAIN_TYPE: felt252 = 0x1ff2f602e42168014d405a94f75e8a93d640751d71d16311266e140d8b0a210;

/// `starknet_keccak` of
/// `"OutsideExecution"("Caller":"ContractAddress","Nonce":"felt","Execute After":"u128",`
/// `"Execute Before":"u128","Calls":"Call*")` followed by the text of `CALL_TYPE`.
const OUTSIDE_EXECUTION_TYPE: felt252 =
    0x312b56c05a7965066ddbda31c016d8d05afc305071c0ca3cdc2192c3c2f1f0f;

/// `starknet_keccak` of
/// `"Call"("To":"ContractAddress","Selector":"selector","Calldata":"felt*")`.
const CALL_TYPE: felt252 = 0x3635c7f2a7ba93844c0d064e18e487f35ab90f7c39d00f186a781fc3f0c2ca9;

const DOMAIN_NAME: felt252 = 'Account.execute_from_outside';
/// The number, not the short string.
const DOMAIN_VERSION: felt252 = 2;
const DOMAIN_REVISION: felt252 = 1;

#[derive(Drop, Serde)]
struct OutsideExecution {
    /// Who may submit it, or `ANY_CALLER`.
    caller: ContractAddress,
    /// Not the account's own nonce: any felt that was not used before.
    nonce: felt252,
    /// In seconds; the block's time lies between the two and equals neither.
    execute_after: u64,
    execute_before: u64,
    calls: Span<Call>
}

#[starknet::interface]
trait IOutsideExecution<TContractState> {
    fn execute_from_outside_v2(
        ref self: TContractState, outside_execution: OutsideExecution, signature: Span<felt252>
    ) -> Array<Span<felt252>>;
    fn is_valid_outside_execution_nonce(self: @TContractState, nonce: felt252) -> bool;
}

/// What the owner of `account` signs.
fn message_hash(
    execution: @OutsideExecution, account: ContractAddress, chain_id: felt252
) -> felt252 {
    let mut message = array![
        'StarkNet Message', domain_hash(chain_id), account.into(), execution_hash(execution)
    ];
    poseidon_hash_span(message.span())
}

fn domain_hash(chain_id: felt252) -> felt252 {
    let mut domain = array![DOMAIN_TYPE, DOMAIN_NAME, DOMAIN_VERSION, chain_id, DOMAIN_REVISION];
    poseidon_hash_span(domain.span())
}

fn execution_hash(execution: @OutsideExecution) -> felt252 {
    let mut hashes: Array<felt252> = ArrayTrait::new();
    let mut calls = *execution.calls;
    loop {
        match calls.pop_front() {
            Option::Some(call) => hashes.append(call_hash(call)),
            Option::None => {
                break ();
            },
        };
    };
    let caller: ContractAddress = *execution.caller;
    let after: u64 = *execution.execute_after;
    let before: u64 = *execution.execute_before;
    let mut fields = array![
        OUTSIDE_EXECUTION_TYPE,
        caller.into(),
        *execution.nonce,
        after.into(),
        before.into(),
        poseidon_hash_span(hashes.span())
    ];
    poseidon_hash_span(fields.span())
}

fn call_hash(call: @Call) -> felt252 {
    let to: ContractAddress = *call.to;
    let mut fields = array![
        CALL_TYPE, to.into(), *call.selector, poseidon_hash_span(call.calldata.span())
    ];
    poseidon_hash_span(fields.span())
}
