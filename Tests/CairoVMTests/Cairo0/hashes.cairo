// Hashes, by builtins and by hand, Merkle paths, curves and signatures.
%builtins output pedersen range_check ecdsa bitwise ec_op keccak poseidon

from starkware.cairo.common.alloc import alloc
from starkware.cairo.common.builtin_keccak.keccak import keccak_felts, keccak_uint256s
from starkware.cairo.common.builtin_poseidon.poseidon import (
    poseidon_hash,
    poseidon_hash_many,
    poseidon_hash_single,
)
from starkware.cairo.common.cairo_blake2s.blake2s import blake2s, finalize_blake2s
from starkware.cairo.common.cairo_builtins import (
    BitwiseBuiltin,
    EcOpBuiltin,
    HashBuiltin,
    KeccakBuiltin,
    PoseidonBuiltin,
    SignatureBuiltin,
)
from starkware.cairo.common.ec import ec_add, ec_double, ec_mul, ec_op, recover_y
from starkware.cairo.common.ec_point import EcPoint
from starkware.cairo.common.hash import hash2
from starkware.cairo.common.hash_chain import hash_chain
from starkware.cairo.common.hash_state import (
    hash_finalize,
    hash_init,
    hash_update,
    hash_update_single,
)
from starkware.cairo.common.keccak import unsafe_keccak
from starkware.cairo.common.merkle_update import merkle_update
from starkware.cairo.common.serialize import serialize_word
from starkware.cairo.common.signature import check_ecdsa_signature, verify_ecdsa_signature
from starkware.cairo.common.uint256 import Uint256

func pedersens{output_ptr: felt*, pedersen_ptr: HashBuiltin*}() {
    alloc_locals;
    let hash_ptr = pedersen_ptr;
    with hash_ptr {
        let (h) = hash2(12, 2 ** 250);
        let (local list: felt*) = alloc();
        assert list[0] = 3;
        assert list[1] = h;
        assert list[2] = 5;
        assert list[3] = 6;
        let (chain) = hash_chain(list);
        let (state) = hash_init();
        let (state) = hash_update(state, list, 4);
        let (state) = hash_update_single(state, 99);
        let (end) = hash_finalize(state);
    }
    let pedersen_ptr = hash_ptr;
    serialize_word(chain);
    serialize_word(end);
    return ();
}

func poseidons{output_ptr: felt*, poseidon_ptr: PoseidonBuiltin*}() {
    alloc_locals;
    let (one) = poseidon_hash_single(8);
    let (two) = poseidon_hash(one, 9);
    let (local list: felt*) = alloc();
    assert list[0] = one;
    assert list[1] = two;
    assert list[2] = -1;
    let (many) = poseidon_hash_many(3, list);
    serialize_word(many);
    return ();
}

func keccaks{
    output_ptr: felt*, range_check_ptr, bitwise_ptr: BitwiseBuiltin*, keccak_ptr: KeccakBuiltin*
}() {
    alloc_locals;
    let (local list: felt*) = alloc();
    assert list[0] = 2 ** 200;
    assert list[1] = 77;
    let (hash) = keccak_felts(2, list);
    serialize_word(hash.low);
    let (local words: Uint256*) = alloc();
    assert words[0] = Uint256(1, 2);
    assert words[1] = Uint256(2 ** 128 - 1, 3);
    let (hash) = keccak_uint256s(2, words);
    serialize_word(hash.high);
    let (low, high) = unsafe_keccak(list + 1, 16);
    serialize_word(low);
    return ();
}

func blakes{output_ptr: felt*, range_check_ptr, bitwise_ptr: BitwiseBuiltin*}() {
    alloc_locals;
    let (local blake_start: felt*) = alloc();
    let blake2s_ptr = blake_start;
    let (local data: felt*) = alloc();
    assert data[0] = 0x01020304;
    assert data[1] = 0xfffefdfc;
    assert data[2] = 5;
    let (hash) = blake2s{blake2s_ptr=blake2s_ptr}(data, 11);
    finalize_blake2s(blake_start, blake2s_ptr);
    serialize_word(hash.low);
    return ();
}

func curves{output_ptr: felt*, ec_op_ptr: EcOpBuiltin*}() {
    alloc_locals;
    let (p) = recover_y(874739451078007766457464989774322083649278607533249481151382481072868806602);
    let (twice) = ec_double(p);
    let (sum) = ec_add(p, twice);
    let (times) = ec_mul(m=123456789, p=sum);
    let (op) = ec_op(p=p, m=2 ** 130 + 7, q=times);
    serialize_word(op.x);
    return ();
}

func signatures{ecdsa_ptr: SignatureBuiltin*, ec_op_ptr: EcOpBuiltin*}() {
    alloc_locals;
    // Made with cairo-lang's sign(), for the key 0x1234567.
    verify_ecdsa_signature(
        message=0x456,
        public_key=961402640779120116494199688070946729708169893186414498106599600291824840092,
        signature_r=2707292234469226309413024555145679165082440000639496100688328404432233125567,
        signature_s=2876285182417692916053802211164745499676362638721670561737054189767865768442,
    );
    let (good) = check_ecdsa_signature(
        message=0x456,
        public_key=961402640779120116494199688070946729708169893186414498106599600291824840092,
        signature_r=2707292234469226309413024555145679165082440000639496100688328404432233125567,
        signature_s=2876285182417692916053802211164745499676362638721670561737054189767865768442,
    );
    assert good = 1;
    return ();
}

func merkle{output_ptr: felt*, pedersen_ptr: HashBuiltin*}() {
    alloc_locals;
    let hash_ptr = pedersen_ptr;
    %{ vm_enter_scope({'auth_path': [31, 32, 33]}) %}
    let (before, after) = merkle_update{hash_ptr=hash_ptr}(
        height=3, prev_leaf=100, new_leaf=200, index=5
    );
    %{ vm_exit_scope() %}
    let pedersen_ptr = hash_ptr;
    serialize_word(before);
    serialize_word(after);
    return ();
}

func main{
    output_ptr: felt*,
    pedersen_ptr: HashBuiltin*,
    range_check_ptr,
    ecdsa_ptr: SignatureBuiltin*,
    bitwise_ptr: BitwiseBuiltin*,
    ec_op_ptr: EcOpBuiltin*,
    keccak_ptr: KeccakBuiltin*,
    poseidon_ptr: PoseidonBuiltin*,
}() {
    alloc_locals;
    pedersens();
    poseidons();
    keccaks();
    blakes();
    curves();
    signatures();
    merkle();
    return ();
}
