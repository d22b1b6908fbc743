// Comparisons, divisions, roots and powers.
%builtins range_check bitwise

from starkware.cairo.common.bitwise import bitwise_and, bitwise_operations, bitwise_or, bitwise_xor
from starkware.cairo.common.bool import FALSE, TRUE
from starkware.cairo.common.cairo_builtins import BitwiseBuiltin
from starkware.cairo.common.log2_ceil import log2_ceil
from starkware.cairo.common.math import (
    abs_value,
    assert_250_bit,
    assert_in_range,
    assert_le,
    assert_le_felt,
    assert_lt_felt,
    assert_nn,
    assert_nn_le,
    assert_not_equal,
    assert_not_zero,
    horner_eval,
    is_quad_residue,
    sign,
    signed_div_rem,
    split_felt,
    split_int,
    sqrt,
    unsigned_div_rem,
)
from starkware.cairo.common.math_cmp import (
    is_in_range,
    is_le,
    is_le_felt,
    is_nn,
    is_nn_le,
    is_not_zero,
)
from starkware.cairo.common.alloc import alloc
from starkware.cairo.common.pow import pow
from starkware.cairo.common.uint256 import (
    Uint256,
    uint256_add,
    uint256_and,
    uint256_cond_neg,
    uint256_eq,
    uint256_le,
    uint256_mul,
    uint256_mul_div_mod,
    uint256_neg,
    uint256_not,
    uint256_or,
    uint256_reverse_endian,
    uint256_shl,
    uint256_shr,
    uint256_signed_div_rem,
    uint256_signed_le,
    uint256_sqrt,
    uint256_sub,
    uint256_unsigned_div_rem,
    uint256_xor,
)

func compare{range_check_ptr}(a: felt, b: felt) {
    alloc_locals;
    assert_not_equal(a, b);
    assert_not_zero(b - a);
    let (small) = bool_of(a, b);
    let up = is_le(a, b);
    let felt_up = is_le_felt(a, b);
    let s = sign(a - b);
    let distance = abs_value(a - b);
    let n = is_nn(a);
    let m = is_nn_le(a, b);
    let k = is_in_range(a, 0, b);
    let z = is_not_zero(a);
    assert up * (1 - up) + felt_up * (1 - felt_up) + n * (1 - n) = 0;
    assert m * (1 - m) + k * (1 - k) + z * (1 - z) = 0;
    assert s * distance = a - b;
    return ();
}

func bool_of{range_check_ptr}(a: felt, b: felt) -> (res: felt) {
    alloc_locals;
    let up = is_le_felt(a, b);
    if (up == TRUE) {
        assert_le_felt(a, b);
        assert_lt_felt(a, b);
        return (res=TRUE);
    }
    assert_lt_felt(b, a);
    return (res=FALSE);
}

func divide{range_check_ptr}(value: felt, by: felt) {
    alloc_locals;
    let (q, r) = unsigned_div_rem(value, by);
    assert q * by + r = value;
    let (q, r) = signed_div_rem(-value, by, 2 ** 100);
    assert q * by + r = -value;
    let (high, low) = split_felt(value * 2 ** 140 + 77);
    assert high * 2 ** 128 + low = value * 2 ** 140 + 77;
    let root = sqrt(value);
    assert_le(root * root, value);
    let (power) = pow(by, 13);
    let bits = log2_ceil(value);
    assert_nn(bits);
    assert_nn_le(bits, 251);
    assert_in_range(bits, 0, 252);
    assert_250_bit(value);
    let (local digits: felt*) = alloc();
    split_int(value, 16, 16, 16, digits);
    let (back) = horner_eval(16, digits, 16);
    assert back = value;
    let r0 = is_quad_residue(by);
    let r1 = is_quad_residue(3 * by);
    return ();
}

func wide{range_check_ptr, bitwise_ptr: BitwiseBuiltin*}(a: Uint256, b: Uint256) {
    alloc_locals;
    let (sum, carry) = uint256_add(a, b);
    let (back) = uint256_sub(sum, b);
    let (same) = uint256_eq(back, a);
    assert same = 1;
    let (low, high) = uint256_mul(a, b);
    let (q, r) = uint256_unsigned_div_rem(a, b);
    let (sq, sr) = uint256_signed_div_rem(a, b);
    let (dl, dh, dr) = uint256_mul_div_mod(a, b, Uint256(97, 5));
    let (root) = uint256_sqrt(a);
    let (n) = uint256_neg(a);
    let (c) = uint256_cond_neg(b, 1);
    let (x) = uint256_not(a);
    let (y) = uint256_xor(a, b);
    let (o) = uint256_or(a, b);
    let (d) = uint256_and(a, b);
    let (l) = uint256_shl(a, Uint256(100, 0));
    let (s) = uint256_shr(a, Uint256(130, 0));
    let (e) = uint256_reverse_endian(a);
    let (le) = uint256_le(a, b);
    let (sle) = uint256_signed_le(n, c);
    return ();
}

func main{range_check_ptr, bitwise_ptr: BitwiseBuiltin*}() {
    alloc_locals;
    compare(3, 9);
    compare(9, 3);
    compare(-5, 100);
    compare(-(2 ** 127), 2 ** 126);
    let (far) = bool_of(2 ** 200, 2 ** 127);
    let (near) = bool_of(0, -1);
    let (middle) = bool_of(-3, 2 ** 250);
    let (last) = bool_of(2 ** 250, -1);
    divide(1, 3);
    divide(123456789012, 97);
    divide(9999999999999999, 3 ** 20);
    let (a) = bitwise_and(12345, 54321);
    let (b) = bitwise_xor(12345, 54321);
    let (c) = bitwise_or(12345, 54321);
    let (x, y, z) = bitwise_operations(a + b, c);
    wide(Uint256(2 ** 127 + 5, 77), Uint256(13, 0));
    wide(Uint256(2 ** 128 - 1, 2 ** 128 - 1), Uint256(2 ** 128 - 3, 2 ** 127));
    wide(Uint256(0, 1), Uint256(7, 1));
    return ();
}
