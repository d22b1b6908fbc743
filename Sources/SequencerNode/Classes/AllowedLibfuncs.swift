/// The libfuncs that declared classes may use: Starknet's audited list. It is the same at every node,
/// since a class that one node refuses to compile cannot be in a block.
///
/// Source: starkware-libs/cairo (Apache-2.0), `allowed_libfuncs_lists/audited.json` at 302fe00.
enum AllowedLibfuncs {
    static let names: [Substring] = """
        add_circuit_input alloc_local array_append array_get array_len array_new array_pop_front
        array_pop_front_consume array_slice array_snapshot_multi_pop_back
        array_snapshot_multi_pop_front array_snapshot_pop_back array_snapshot_pop_front bitwise
        blake2s_compress blake2s_finalize bool_and_impl bool_not_impl bool_or_impl bool_to_felt252
        bool_xor_impl bounded_int_add bounded_int_constrain bounded_int_div_rem
        bounded_int_is_zero bounded_int_mul bounded_int_sub bounded_int_trim_max
        bounded_int_trim_min bounded_int_wrap_non_zero box_forward_snapshot branch_align
        bytes31_const bytes31_to_felt252 bytes31_try_from_felt252 call_contract_syscall
        circuit_failure_guarantee_verify class_hash_const class_hash_to_felt252
        class_hash_try_from_felt252 const_as_box const_as_immediate contract_address_const
        contract_address_to_felt252 contract_address_try_from_felt252 coupon_buy coupon_call
        coupon_refund deploy_syscall disable_ap_tracking downcast drop dup ec_neg ec_neg_nz
        ec_point_from_x_nz ec_point_is_zero ec_point_try_new_nz ec_point_unwrap ec_point_zero
        ec_state_add ec_state_add_mul ec_state_init ec_state_try_finalize_nz emit_event_syscall
        enable_ap_tracking enum_boxed_match enum_from_bounded_int enum_init enum_match
        enum_snapshot_match eval_circuit felt252_add felt252_const felt252_dict_entry_finalize
        felt252_dict_entry_get felt252_dict_new felt252_dict_squash felt252_div felt252_is_zero
        felt252_mul felt252_sub finalize_locals function_call gas_reserve_create
        gas_reserve_utilize get_block_hash_syscall get_builtin_costs get_circuit_descriptor
        get_circuit_output get_class_hash_at_syscall get_execution_info_syscall
        get_execution_info_v2_syscall get_execution_info_v3_syscall hades_permutation i128_const
        i128_diff i128_eq i128_overflowing_add_impl i128_overflowing_sub_impl i128_to_felt252
        i128_try_from_felt252 i16_const i16_diff i16_eq i16_overflowing_add_impl
        i16_overflowing_sub_impl i16_to_felt252 i16_try_from_felt252 i16_wide_mul i32_const
        i32_diff i32_eq i32_overflowing_add_impl i32_overflowing_sub_impl i32_to_felt252
        i32_try_from_felt252 i32_wide_mul i64_const i64_diff i64_eq i64_overflowing_add_impl
        i64_overflowing_sub_impl i64_to_felt252 i64_try_from_felt252 i64_wide_mul i8_const i8_diff
        i8_eq i8_overflowing_add_impl i8_overflowing_sub_impl i8_to_felt252 i8_try_from_felt252
        i8_wide_mul init_circuit_data int_range_pop_front int_range_try_new into_box
        into_u96_guarantee jump keccak_syscall library_call_syscall local_into_box match_nullable
        meta_tx_v0_syscall null nullable_forward_snapshot nullable_from_box pedersen redeposit_gas
        rename replace_class_syscall revoke_ap_tracking secp256k1_add_syscall
        secp256k1_get_point_from_x_syscall secp256k1_get_xy_syscall secp256k1_mul_syscall
        secp256k1_new_syscall secp256r1_add_syscall secp256r1_get_point_from_x_syscall
        secp256r1_get_xy_syscall secp256r1_mul_syscall secp256r1_new_syscall
        send_message_to_l1_syscall sha256_process_block_syscall sha256_state_handle_digest
        sha256_state_handle_init sha512_process_block_syscall sha512_state_handle_digest
        sha512_state_handle_init snapshot_take span_from_tuple squashed_felt252_dict_entries
        storage_address_from_base storage_address_from_base_and_offset storage_address_to_felt252
        storage_address_try_from_felt252 storage_base_address_const
        storage_base_address_from_felt252 storage_read_syscall storage_write_syscall store_local
        store_temp struct_boxed_deconstruct struct_construct struct_deconstruct
        struct_snapshot_deconstruct try_into_circuit_modulus tuple_from_span u128_byte_reverse
        u128_const u128_eq u128_guarantee_mul u128_is_zero u128_mul_guarantee_verify
        u128_overflowing_add u128_overflowing_sub u128_safe_divmod u128_sqrt u128_to_felt252
        u128s_from_felt252 u16_bitwise u16_const u16_eq u16_is_zero u16_overflowing_add
        u16_overflowing_sub u16_safe_divmod u16_sqrt u16_to_felt252 u16_try_from_felt252
        u16_wide_mul u256_guarantee_inv_mod_n u256_is_zero u256_safe_divmod u256_sqrt u32_bitwise
        u32_const u32_eq u32_is_zero u32_overflowing_add u32_overflowing_sub u32_safe_divmod
        u32_sqrt u32_to_felt252 u32_try_from_felt252 u32_wide_mul u512_safe_divmod_by_u256
        u64_bitwise u64_const u64_eq u64_is_zero u64_overflowing_add u64_overflowing_sub
        u64_safe_divmod u64_sqrt u64_to_felt252 u64_try_from_felt252 u64_wide_mul u8_bitwise
        u8_const u8_eq u8_is_zero u8_overflowing_add u8_overflowing_sub u8_safe_divmod u8_sqrt
        u8_to_felt252 u8_try_from_felt252 u8_wide_mul u96_guarantee_verify
        u96_limbs_less_than_guarantee_verify u96_single_limb_less_than_guarantee_verify unbox
        unwrap_non_zero upcast withdraw_gas withdraw_gas_all
        """.split { $0 == " " || $0 == "\n" }

    /// The file that the compiler takes.
    static let file: [UInt8] = Array(
        ("{\"allowed_libfuncs\":[" + names.map { "\"\($0)\"" }.joined(separator: ",") + "]}").utf8)
}
