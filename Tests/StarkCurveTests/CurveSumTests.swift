import StarkCurve
import StarkField
import TestSupport
import Testing

@Suite("P + m Q, bit by bit")
struct CurveSumTests {
    private func point(_ words: inout SeededWords) -> CurvePoint {
        while true {
            if let point = CurvePoint(x: Felt(reducingBigEndianWords: words.words())) {
                return point
            }
        }
    }

    @Test("Sums with one point are those with another taken away, and m adds up")
    func consistency() throws {
        var words = SeededWords(seed: 1)
        for _ in 0..<40 {
            let (p, q) = (point(&words), point(&words))
            // m Q + (p - m) Q = p Q, and every step is a sum of its own.
            let small = words.next() >> 1
            let m = Felt(small)
            let whole = try #require(CurveSum.adding(to: p, q, times: m + m))
            let half = try #require(CurveSum.adding(to: p, q, times: m))
            #expect(CurveSum.adding(to: half, q, times: m) == whole)
            #expect(CurveSum.adding(to: whole, -q, times: m + m) == p)
            #expect(CurvePoint(x: whole.x, y: whole.y) != nil)
            #expect(CurveSum.adding(to: p, q, times: 0) == p)
        }
    }

    @Test("The generator's multiples are the public keys of ECDSA")
    func keys() throws {
        var words = SeededWords(seed: 2)
        for _ in 0..<20 {
            let secret = Felt(words.next() | 1)
            let key = try #require(SecretKey(secret)).publicKey
            let base = point(&words)
            let sum = try #require(CurveSum.adding(to: base, .generator, times: secret))
            // (B + s G) - B has the key's x: the chord through both.
            let back = try #require(CurveSum.adding(to: sum, -base, times: 1))
            #expect(back.x == key)
        }
    }

    @Test("It is not defined where the two points meet on the way")
    func meeting() {
        let g = CurvePoint.generator
        #expect(CurveSum.adding(to: g, g, times: 1) == nil)
        #expect(CurveSum.adding(to: -g, g, times: 5) == nil)
        // At the second bit the doubled point is 2 G, and the sum is still P.
        if let twice = CurveSum.adding(to: point(2), g, times: 0) {
            #expect(CurveSum.adding(to: twice, g, times: 2) == nil)
            #expect(CurveSum.adding(to: twice, g, times: 4) == nil)
        }
    }

    /// n G, for n above 1, from sums that are defined.
    private func point(_ n: UInt64) -> CurvePoint {
        var words = SeededWords(seed: 3)
        let base = point(&words)
        guard let sum = CurveSum.adding(to: base, .generator, times: Felt(n)),
            let back = CurveSum.adding(to: sum, -base, times: 1)
        else { preconditionFailure("a random point met a multiple of the generator") }
        return back
    }
}
