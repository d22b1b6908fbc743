import Execution
import StarkCurve
import StarkField
import Testing

@Suite("Keys of accounts that sign often", .serialized)
struct AccountKeysTests {
    private func check(_ key: SecretKey, _ hash: Felt, damage: Felt = 0) throws -> SignatureCheck {
        let signature = ECDSA.sign(messageHash: hash, secretKey: key)
        return try #require(
            SignatureCheck(
                publicKey: key.publicKey, messageHash: hash,
                signature: [signature.r, signature.s + damage]))
    }

    @Test("Verdicts are those of the general check, before and after a key has its table")
    func verdicts() throws {
        var keys = AccountKeys()
        let signers = try (1...3).map { try #require(SecretKey(Felt(UInt64($0) * 7919))) }
        for round in 0..<(2 * AccountKeys.usesBeforeTable) {
            for (number, signer) in signers.enumerated() {
                let hash = Felt(UInt64(1000 * round + number))
                let good = try check(signer, hash)
                let bad = try check(signer, hash, damage: 1)
                let verdicts = [keys.verify(good), keys.verify(bad)]
                #expect(verdicts == [true, false])
                #expect(verdicts == [good.verify(), bad.verify()])
            }
        }
        #expect(keys.tableCount == 3)
    }

    @Test("Many signatures together get the verdicts of each by itself")
    func together() throws {
        var keys = AccountKeys()
        let signers = try (1...5).map { try #require(SecretKey(Felt(UInt64($0) * 104_729))) }
        for count in [0, 1, 3, 4, 7, 40, 120] {
            var checks: [SignatureCheck] = []
            for number in 0..<count {
                let signer = signers[number % signers.count]
                checks.append(
                    try check(
                        signer, Felt(UInt64(count * 1000 + number)),
                        damage: number % 3 == 1 ? 1 : 0))
            }
            let verdicts = keys.verify(checks)
            #expect(verdicts == checks.map { $0.verify() }, "\(count)")
        }
        #expect(keys.tableCount == signers.count)
    }

    @Test("A key that is no point of the curve is refused every time, and gets no table")
    func noPoint() throws {
        var keys = AccountKeys()
        let signer = try #require(SecretKey(11))
        let good = try check(signer, 5)
        // x^3 + x + beta is no square for about half of all x.
        let key = try #require(
            (1...64).map { Felt(UInt64($0)) }.first { PreparedPublicKey($0, windowBits: 4) == nil })
        let wrong = try #require(
            SignatureCheck(publicKey: key, messageHash: 5, signature: [good.r, good.s]))
        for _ in 0..<(2 * AccountKeys.usesBeforeTable) {
            let isValid = keys.verify(wrong)
            #expect(!isValid)
        }
        #expect(keys.tableCount == 0)
    }

    @Test("No more keys than two generations have tables")
    func bounded() throws {
        var keys = AccountKeys()
        let hash: Felt = 5
        // One signature serves: a verdict of no counts as a use as well.
        let sample = try check(try #require(SecretKey(3)), hash)
        let total = 2 * AccountKeys.generationSize + 40
        for number in 1...total {
            let key = try #require(SecretKey(Felt(UInt64(number)))).publicKey
            let used = try #require(
                SignatureCheck(publicKey: key, messageHash: hash, signature: [sample.r, sample.s]))
            for _ in 0..<AccountKeys.usesBeforeTable { keys.verify(used) }
        }
        #expect(keys.tableCount <= 2 * AccountKeys.generationSize)
        #expect(keys.tableCount >= AccountKeys.generationSize)
    }
}
