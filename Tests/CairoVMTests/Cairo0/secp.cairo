// The other curve, and Keccak without a builtin.
%builtins output range_check bitwise

from starkware.cairo.common.alloc import alloc
from starkware.cairo.common.cairo_builtins import BitwiseBuiltin
from starkware.cairo.common.cairo_keccak.keccak import (
    cairo_keccak_felts,
    cairo_keccak_uint256s_bigend,
    finalize_keccak,
)
from starkware.cairo.common.cairo_secp.bigint import uint256_to_bigint
from starkware.cairo.common.cairo_secp.ec import ec_add, ec_double, ec_mul_by_uint256
from starkware.cairo.common.cairo_secp.ec_point import EcPoint
from starkware.cairo.common.cairo_secp.signature import (
    get_generator_point,
    recover_public_key,
    try_get_point_from_x,
)
from starkware.cairo.common.serialize import serialize_word
from starkware.cairo.common.uint256 import Uint256

func curves{output_ptr: felt*, range_check_ptr}() {
    alloc_locals;
    let (local generator) = get_generator_point();
    let (twice) = ec_double(generator);
    let (thrice) = ec_add(generator, twice);
    let (local many) = ec_mul_by_uint256(thrice, Uint256(2 ** 100 + 12345, 9876543210));
    serialize_word(many.x.d0);
    let (hash) = uint256_to_bigint(Uint256(0x123456789, 0x987654321));
    let (s) = uint256_to_bigint(Uint256(0x5555, 0x7777));
    // Any r that is the x of a point gives a key.
    let (key) = recover_public_key(msg_hash=hash, r=generator.x, s=s, v=0);
    serialize_word(key.y.d1);
    return ();
}

func main{output_ptr: felt*, range_check_ptr, bitwise_ptr: BitwiseBuiltin*}() {
    alloc_locals;
    curves();
    let (keccak_ptr: felt*) = alloc();
    local start: felt* = keccak_ptr;
    let (local words: Uint256*) = alloc();
    assert words[0] = Uint256(1, 2);
    assert words[1] = Uint256(3, 2 ** 127);
    let (local felts: felt*) = alloc();
    assert felts[0] = 2 ** 250;
    with keccak_ptr {
        let (first) = cairo_keccak_uint256s_bigend(2, words);
        let (second) = cairo_keccak_felts(1, felts);
    }
    finalize_keccak(keccak_ptr_start=start, keccak_ptr_end=keccak_ptr);
    serialize_word(first.low);
    serialize_word(second.high);
    return ();
}
