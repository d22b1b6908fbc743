package import StarkField

/// Addresses that Starknet's networks use.
package enum WellKnownContracts {
    /// The STRK token, in which fees are paid.
    package static let strk = HashTerms.packed(
        0x0471_8f5a_0fc3_4cc1, 0xaf16_a1cd_ee98_ffb2, 0x0c31_f5cd_61d6_ab07,
        0x2018_58f4_287c_938d)
    /// The universal deployer that most tools still use.
    package static let universalDeployer = HashTerms.packed(
        0x041a_78e7_41e5_af2f, 0xec34_b695_679b_c689, 0x1742_439f_7afb_8484,
        0xecd7_766661ad_02bf)
    /// OpenZeppelin's second universal deployer.
    package static let universalDeployer2 = HashTerms.packed(
        0x02ce_ed65_a4bd_7310, 0x34c0_1113_685c_831b, 0x01c1_5d7d_432f_71af,
        0xb1cf_1634_b53a_2125)
    /// Where the hashes of old blocks are stored, by block number.
    package static let blockHashes: ContractAddress = 1
}
