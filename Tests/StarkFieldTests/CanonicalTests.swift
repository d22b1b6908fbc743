import StarkField
import TestSupport
import Testing

@Suite("Field elements as integers")
struct CanonicalTests {
    @Test("Sums, differences, products and order are those of the elements")
    func twins() {
        var words = SeededWords(seed: 1)
        let edges: [Felt] = [
            0, 1, 2, -Felt.one, -Felt(2), Felt(UInt64.max), Felt(UInt128.max),
        ]
        var values = edges
        for _ in 0..<200 { values.append(Felt(reducingBigEndianWords: words.words())) }
        for a in values {
            for b in values.prefix(40) {
                let (x, y) = (CanonicalFelt.words(of: a), CanonicalFelt.words(of: b))
                #expect(CanonicalFelt.felt(CanonicalFelt.sum(x, y)) == a + b)
                #expect(CanonicalFelt.felt(CanonicalFelt.difference(x, y)) == a - b)
                #expect(CanonicalFelt.felt(CanonicalFelt.product(x, y)) == a * b)
                #expect(CanonicalFelt.isReduced(CanonicalFelt.product(x, y)))
                let order = a < b ? -1 : b < a ? 1 : 0
                #expect(CanonicalFelt.compare(x, y) == order)
            }
        }
        #expect(!CanonicalFelt.isReduced(CanonicalFelt.prime))
    }
}
