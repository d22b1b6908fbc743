import Consensus
import Primitives
import Testing

/// Inputs as text, effects as text: what one validator of four does, word for word.
struct GoldenScriptTests {
    private func run(_ script: String, own: Int, leaders: [Int]) -> String {
        var lab = Lab(own: own, leaders: leaders)
        var lines: [String] = []
        for line in script.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            func slot(_ position: Int) -> Slot {
                Slot(position < words.count ? UInt64(words[position]) ?? 0 : 0)
            }
            lines.append("> " + words.joined(separator: " "))
            switch words.first {
            case "start": lab.feed(.start)
            case "block": lab.header(slot(1), on: slot(3))
            case "built":
                let made = lab.block(slot(1), on: slot(3))
                lab.feed(.receivedHeader(made))
                lab.feed(.judgedBlock(made.reference, .valid))
                lab.feed(.proposed(made))
            case "notar": lab.notar(slot(1), by: words.dropFirst(3).compactMap { Int($0) })
            case "final": lab.final(slot(1), by: words.dropFirst(3).compactMap { Int($0) })
            case "skip":
                lab.vote(
                    .skipFrom(slot(1).window(length: 4), slot(1)),
                    by: words.dropFirst(3).compactMap { Int($0) })
            case "chunk":
                lab.feed(.heardFromLeader(slot(1).window(length: 4), .chunk(slot(1))))
            case "wait": lab.tick(slot(1).rawValue)
            default: lines.append("unknown word")
            }
            lines += lab.take().map { "  " + text($0) }
        }
        return lines.joined(separator: "\n")
    }

    private func text(_ statement: Statement) -> String {
        switch statement {
        case .notar(let block): "notar \(block.slot)"
        case .final(let block): "final \(block.slot)"
        case .skipFrom(let window, let slot): "skip \(window) from \(slot)"
        }
    }

    private func text(_ certificate: Certificate) -> String {
        let signers = certificate.signers.map { "\($0.index)" }.joined(separator: " ")
        return switch certificate.kind {
        case .notar(let block): "notar \(block.slot) by \(signers)"
        case .final(let block): "final \(block.slot) by \(signers)"
        case .skip(let window, let slot): "skip \(window) from \(slot) by \(signers)"
        }
    }

    private func text(_ effect: ConsensusEffect) -> String {
        switch effect {
        case .cast(let statement, let restsOn):
            "cast \(text(statement))"
                + (restsOn.isEmpty
                    ? "" : " resting on \(restsOn.map(text).joined(separator: ", "))")
        case .broadcastCertificate(let certificate): "broadcast \(text(certificate))"
        case .certified(let block): "certified \(block.slot)"
        case .finalised(let blocks, let certificate):
            "finalised \(blocks.map { "\($0.slot)" }.joined(separator: " ")): \(text(certificate))"
        case .enteredWindow(let window, let leader): "window \(window) leader \(leader)"
        case .skipped(let window, let slot, let reason): "skipped \(window) from \(slot): \(reason)"
        case .propose(let slot, let parent, let certificate, let skips):
            "propose \(slot) on \(parent.slot)"
                + ([certificate].compactMap { $0 } + skips).map { ", " + text($0) }.joined()
        case .abandonProposal: "abandon"
        case .broadcastStatus(let status):
            "status final \(status.topFinal.slot) uncleared \(status.firstUnclearedSlot)"
        default: "\(effect)"
        }
    }

    @Test("A follower on the happy path")
    func happyPath() {
        let script = """
            start
            chunk 1
            block 1 on 0
            notar 1 by 1 2
            block 2 on 1
            final 1 by 1 3
            notar 2 by 2 3
            """
        let expected = """
            > start
              abandon
              window 0 leader 3
            > chunk 1
            > block 1 on 0
              cast notar 1
            > notar 1 by 1 2
              broadcast notar 1 by 0 1 2
              certified 1
              cast final 1 resting on notar 1 by 0 1 2
            > block 2 on 1
              cast notar 2
            > final 1 by 1 3
              broadcast final 1 by 0 1 3
              finalised 1: final 1 by 0 1 3
            > notar 2 by 2 3
              broadcast notar 2 by 0 2 3
              certified 2
              cast final 2 resting on notar 2 by 0 2 3
            """
        #expect(run(script, own: 0, leaders: [3, 0]) == expected)
    }

    @Test("A leader dies in its window, and this validator leads the next")
    func deadLeader() {
        let script = """
            start
            chunk 1
            block 1 on 0
            notar 1 by 1 2
            wait 49
            wait 1
            skip 1 by 1
            skip 2 by 2
            skip 2 by 3
            wait 5
            built 4 on 1
            notar 4 by 1 2
            """
        let expected = """
            > start
              abandon
              window 0 leader 3
            > chunk 1
            > block 1 on 0
              cast notar 1
            > notar 1 by 1 2
              broadcast notar 1 by 0 1 2
              certified 1
              cast final 1 resting on notar 1 by 0 1 2
            > wait 49
            > wait 1
              skipped 0 from 2: silence
              cast skip 0 from 2
            > skip 1 by 1
            > skip 2 by 2
              broadcast skip 0 from 2 by 0 1 2
              abandon
              window 1 leader 0
              propose 4 on 1, notar 1 by 0 1 2, skip 0 from 2 by 0 1 2
            > skip 2 by 3
            > wait 5
            > built 4 on 1
              cast notar 4
              propose 5 on 4
            > notar 4 by 1 2
              broadcast notar 4 by 0 1 2
              certified 4
              cast final 4 resting on notar 4 by 0 1 2
            """
        #expect(run(script, own: 0, leaders: [3, 0]) == expected)
    }
}
