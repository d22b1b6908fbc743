/// What a hint can import or call by name.
enum NativeFunction: String {
    // Python's own.
    case len, int, isinstance, range, enumerate, sum, sorted, min, max, abs, divmod, pow, tuple
    case list, dict, hex, print, globals, map
    // The runner's.
    case toFelt = "to_felt_or_relocatable"
    case enterScope = "vm_enter_scope"
    case exitScope = "vm_exit_scope"
    // cairo-lang's library.
    case divMod = "div_mod"
    case safeDiv = "safe_div"
    case isqrt, sqrt
    case isQuadraticResidue = "is_quad_residue"
    case lineSlope = "line_slope"
    case doubleSlope = "ec_double_slope"
    case recoverY = "recover_y"
    case randomPoint = "random_ec_point"
    case pack, split
    case asInt = "as_int"
    case assertInteger = "assert_integer"
    case isPositive = "is_positive"
    case toBytes = "to_bytes"
    case keccak
    case keccakFunction = "keccak_func"
    case messageSchedule = "compute_message_schedule"
    case sha2Compress = "sha2_compress_function"
    case blakeCompress = "blake2s_compress"
    case blakeOfMemory = "compute_blake2s_func"
    case logarithm = "log2_ceil"
    case pedersenHash = "pedersen_hash"
    case dictionaryManager = "DictManager"

    /// Known without an import.
    static let standard: [NativeFunction] = [
        .len, .int, .isinstance, .range, .enumerate, .sum, .sorted, .min, .max, .abs, .divmod, .pow,
        .tuple, .list, .dict, .hex, .print, .globals, .map, .toFelt, .enterScope, .exitScope,
    ]
}

/// Numbers that hints import.
enum HintConstants {
    /// By module and name; nil for what isn't a number.
    static func value(_ module: String, _ name: String) -> HintValue? {
        switch (module, name) {
        case (_, "SECP_P"): return .integer(Integer(secp256k1Prime))
        case (_, "SECP256R1_P"): return .integer(Integer(secp256r1Prime))
        case (_, "SECP256R1_N"): return number(secp256r1Order)
        case (_, "SECP256R1_ALPHA"): return .integer(Integer(secp256r1Prime) - Integer(3))
        case ("starkware.cairo.common.cairo_secp.secp_utils", "N"): return number(secp256k1Order)
        case ("starkware.crypto.signature.signature", "ALPHA"): return .integer(.one)
        case ("starkware.crypto.signature.signature", "BETA"): return number(starkBeta)
        case ("starkware.crypto.signature.signature", "FIELD_PRIME"):
            return .integer(Integer(Natural.prime))
        case ("starkware.cairo.common.cairo_sha256.sha256_utils", "IV"),
            ("starkware.cairo.common.cairo_blake2s.blake2s_utils", "IV"):
            return .list(HintList(initialState.map { .integer(Integer(Int($0))) }))
        default: return nil
        }
    }

    private static func number(_ hex: String) -> HintValue? {
        Natural(hex: hex).map { .integer(Integer($0)) }
    }

    /// SEC 2, version 2, section 2.4.1.
    static let secp256k1Prime = (Natural.one << 256) - Natural((1 << 32) + 977 as UInt64)
    private static let secp256k1Order =
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
    /// SEC 2, version 2, section 2.4.2.
    static let secp256r1Prime =
        (Natural.one << 256) - (Natural.one << 224) + (Natural.one << 192) + (Natural.one << 96)
        - .one
    private static let secp256r1Order =
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
    private static let starkBeta =
        "06f21413efbe40de150e596d72f7a8c5609ad26c15c915c1f4cdfcb99cee9e89"
    /// FIPS 180-4, section 5.3.3; RFC 7693, section 2.6 has the same.
    static let initialState: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
        0x5be0_cd19,
    ]
}
