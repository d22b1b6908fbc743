import CairoVM
import TestSupport
import Testing

@Suite("Integers of any size", .serialized)
struct NaturalTests {
    private func random(_ words: inout SeededWords) -> Natural {
        var value = Natural.zero
        for _ in 0..<(words.next() % 9) {
            // Runs of ones and zeros, where carries and guesses go wrong.
            let word: UInt64 =
                switch words.next() % 4 {
                case 0: 0
                case 1: .max
                default: words.next()
                }
            value = (value << 64) + Natural(word)
        }
        return value >> Int(words.next() % 64)
    }

    @Test("Quotient times divisor plus remainder is the dividend")
    func division() {
        var words = SeededWords(seed: 1)
        for _ in 0..<20_000 {
            let (a, b) = (random(&words), random(&words))
            if b.isZero { continue }
            let (quotient, remainder) = a.dividedWithRemainder(by: b)
            #expect(quotient * b + remainder == a)
            #expect(remainder < b)
        }
    }

    @Test("Sums, differences, products and shifts agree with each other")
    func ring() {
        var words = SeededWords(seed: 2)
        for _ in 0..<5_000 {
            let (a, b, c) = (random(&words), random(&words), random(&words))
            #expect((a + b) - b == a)
            #expect((a + b) * c == a * c + b * c)
            let shift = Int(words.next() % 200)
            #expect((a << shift) >> shift == a)
            #expect(a >> shift == a / (Natural.one << shift))
            let root = a.squareRoot
            #expect(root * root <= a && a < (root + .one) * (root + .one))
        }
    }
}
