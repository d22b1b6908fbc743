import Consensus
import Primitives
import Simulation
import Testing

@Suite("Observations as lines")
struct ObservationCodingTests {
    private static let hash = Digest(0x0123, 0x4567_0000_0000_0000, 0, .max)
    private static let block = BlockReference(slot: Slot(7), hash: hash)
    private static let parent = BlockReference(slot: Slot(6), hash: .zero)
    private static let text = "a \"quote\", a \\ and\na line; \u{1F300} \u{1}"

    static let all: [Observation] =
        [
            .started(stored: Height(3)), .stopped(text), .refusedToStart(text),
            .said(.notar(block)), .said(.final(block)), .said(.skipFrom(Window(2), Slot(33))),
            .enteredWindow(Window(9), leader: ValidatorIndex(3)),
            .skipped(Window(9), from: Slot(144), reason: text),
            .finalised(Height(5), block, parent: parent, transactions: []),
            .finalised(Height(5), block, parent: parent, transactions: [hash, .zero]),
            .stored(Height(.max)), .hashed(Height(4), hash), .supply(Height(4), .max),
            .evidence(guilty: ValidatorIndex(1), text), .canProve(guilty: ValidatorIndex(2), text),
            .invalidBlock(block, text), .acknowledged(hash), .lostLog, .halted(text),
            .caughtUp(Height(8)),
            .sizes(
                Observation.Sizes(
                    mailbox: 1, unverified: 2, pool: 3, poolBytes: 4, blocksAboveFinal: 5)),
        ]
        + Observation.LeaderObject.allCases.map {
            .led($0, Slot(1), sequence: .max, hash)
        }

    @Test("Every observation comes back as it was written, and is one line", arguments: all)
    func roundTrip(_ what: Observation) throws {
        let seen = Observed(time: .max, node: 12, what: what)
        let line = seen.jsonLine
        #expect(!line.contains("\n"))
        #expect(try Observed(jsonLine: line) == seen)
    }

    @Test("A line cut anywhere is refused, and never misread")
    func cut() {
        for what in Self.all {
            let line = Array(Observed(time: 5, node: 1, what: what).jsonLine.utf8)
            for count in 0..<line.count {
                let part = String(decoding: line[..<count], as: UTF8.self)
                #expect(throws: ObservationCodingError.self) { try Observed(jsonLine: part) }
            }
        }
    }

    @Test("A line says what is wrong with it")
    func refusals() {
        #expect(throws: ObservationCodingError.missing("height")) {
            try Observed(jsonLine: #"{"t":1,"n":0,"e":"stored"}"#)
        }
        #expect(throws: ObservationCodingError.unknownEvent("sang")) {
            try Observed(jsonLine: #"{"t":1,"n":0,"e":"sang"}"#)
        }
        #expect(throws: ObservationCodingError.invalid(key: "hash", value: "0xg")) {
            try Observed(jsonLine: #"{"t":1,"n":0,"e":"acknowledged","hash":"0xg"}"#)
        }
    }
}
