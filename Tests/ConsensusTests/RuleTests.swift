import Consensus
import Primitives
import Testing
import WireCodec

/// The rules of PROTOCOL section 2, one machine at a time.
struct RuleTests {
    @Test("Rule 1: in a window the Notar follows the parent's, at most P above a certificate")
    func pipelineBound() {
        var lab = Lab(own: 0, length: 16)
        lab.feed(.start)
        for slot in 1...15 as ClosedRange<UInt64> { lab.header(Slot(slot)) }
        #expect(lab.casts().map(\.slot) == (1...8).map { Slot($0) })
        lab.notar(3, by: [1, 2])
        let casts = lab.casts()
        #expect(casts.map(\.slot) == [9, 10, 11])
        #expect(casts.allSatisfy { if case .notar = $0 { true } else { false } })
    }

    @Test("Rule 1: one Notar a slot, for whichever block is valid first")
    func oneNotar() {
        var lab = Lab(own: 0)
        lab.feed(.start)
        lab.header(1)
        #expect(lab.casts().count == 1)
        let other = block(at: 1, on: root, height: 1, variant: 1)
        lab.feed(.receivedHeader(other))
        lab.feed(.judgedBlock(other.reference, .valid))
        #expect(lab.casts() == [])
    }

    @Test("Rule 1: a window's first block needs a Certified parent and the skips between")
    func firstSlot() {
        var lab = Lab(own: 0)
        lab.feed(.start)
        lab.header(1)
        lab.header(8, on: 1)
        #expect(lab.casts().map(\.slot) == [1])
        lab.notar(1, by: [1, 2])
        _ = lab.casts()
        let notar = Statement.notar(lab.block(8).reference)
        lab.vote(.skipFrom(0, 2), by: [1, 2, 3])
        #expect(!lab.casts().contains(notar))
        lab.vote(.skipFrom(1, 4), by: [1, 2, 3])
        #expect(lab.casts().contains(notar))
    }

    @Test("T5: a held block is Certified and made Final without this node's Notar")
    func hold() {
        var lab = Lab(own: 0)
        lab.feed(.start)
        lab.header(1, .hold)
        #expect(lab.casts() == [])
        lab.notar(1, by: [1, 2, 3])
        #expect(lab.casts() == [.final(lab.block(1).reference)])
        lab.feed(.judgedBlock(lab.block(1).reference, .valid))
        #expect(lab.casts() == [.notar(lab.block(1).reference)])
    }

    @Test("Rule 2: a quorum certifies nothing before parent and body; a Final rests on the chain")
    func certified() {
        var lab = Lab(own: 0)
        lab.feed(.start)
        lab.header(2)
        lab.notar(2, by: [1, 2, 3])
        #expect(lab.casts() == [])
        lab.notar(1, by: [1, 2, 3])
        #expect(lab.casts() == [])
        lab.header(1, nil)
        #expect(lab.casts() == [])
        lab.feed(.judgedBlock(lab.block(1).reference, .valid))
        let finals = lab.take().compactMap { effect -> (Slot, [Slot])? in
            guard case .cast(.final(let block), let restsOn) = effect else { return nil }
            return (block.slot, restsOn.map(\.slot))
        }
        #expect(finals.map(\.0) == [1, 2])
        #expect(finals.map(\.1) == [[1], [2]])
    }

    @Test("Rule 3: no Final at or above an own SkipFrom, and the Notar goes on")
    func noFinalAfterSkip() {
        var lab = Lab(own: 0)
        lab.feed(.start)
        lab.header(1)
        lab.notar(1, by: [1, 2])
        _ = lab.take()
        lab.tick(500)
        #expect(lab.casts() == [.skipFrom(0, 2)])
        lab.header(2)
        lab.notar(2, by: [1, 2])
        #expect(lab.casts() == [.notar(lab.block(2).reference)])
        #expect(lab.machine.firstUnclearedSlot == 3)
    }

    @Test("Rule 4: a reason to skip slot 9 waits while 5 to 8 are in flight; the timer does not")
    func reasonWaits() {
        for timerFires in [false, true] {
            var lab = Lab(own: 0, length: 16)
            lab.feed(.start)
            for slot in 1...8 as ClosedRange<UInt64> { lab.header(Slot(slot)) }
            for slot in 1...4 as ClosedRange<UInt64> { lab.notar(Slot(slot), by: [1, 2]) }
            _ = lab.casts()
            lab.vote(.skipFrom(0, 9), by: [3])
            #expect(lab.casts() == [])
            if timerFires {
                lab.tick(500)
                #expect(lab.casts() == [.skipFrom(0, 5)])
                continue
            }
            for slot in 5...7 as ClosedRange<UInt64> { lab.notar(Slot(slot), by: [1, 2]) }
            #expect(!lab.casts().contains { if case .skipFrom = $0 { true } else { false } })
            lab.notar(8, by: [1, 2])
            #expect(lab.casts().contains(.skipFrom(0, 9)))
        }
    }

    @Test("Rule 4: an invalid block is skipped at once, from its slot")
    func invalidBlock() {
        var lab = Lab(own: 0)
        lab.feed(.start)
        lab.header(1)
        lab.notar(1, by: [1, 2])
        lab.header(2, nil)
        _ = lab.casts()
        lab.feed(.judgedBlock(lab.block(2).reference, .invalid))
        #expect(lab.casts() == [.skipFrom(0, 2)])
    }

    @Test("Rule 4: after a restart no SkipFrom comes at or below an own Final (E5)")
    func restartKeepsFinal() {
        var lab = Lab(own: 0)
        for slot in 1...2 as ClosedRange<Slot.RawValue> {
            let summary = lab.block(Slot(slot))
            lab.feed(.restoreOwn(sign(.notar(summary.reference), by: 0)))
            lab.feed(.restoreCertificate(notarCertificate(summary.reference, by: [0, 1, 2])))
            lab.feed(.restoreOwn(sign(.final(summary.reference), by: 0)))
            lab.feed(.restoreHeader(summary))
        }
        lab.feed(.start)
        #expect(lab.casts() == [])
        lab.tick(2_000)
        #expect(lab.casts() == [])
        lab.feed(.judgedBlock(lab.block(1).reference, .valid))
        #expect(lab.casts() == [])
        lab.feed(.judgedBlock(lab.block(2).reference, .valid))
        #expect(lab.casts() == [.skipFrom(0, 3)])
    }

    @Test("T1: whatever prefixes three honest validators have Certified, the window clears")
    func everyProgressVector() {
        for first in 0...3 {
            for second in 0...3 {
                for third in 0...3 {
                    for twoFaced in [false, true] {
                        clears([first, second, third], twoFaced: twoFaced)
                    }
                }
            }
        }
    }

    /// Window 0 of slots 1 to 3; the leader, validator 3, shows its certificates as it likes.
    private func clears(_ progress: [Int], twoFaced: Bool) {
        var labs = (0..<3).map { Lab(own: $0) }
        for index in labs.indices {
            labs[index].feed(.start)
            for slot in 1...3 as ClosedRange<UInt64> { labs[index].header(Slot(slot)) }
            for slot in 1...3 where slot <= progress[index] {
                let reference = labs[index].block(Slot(UInt64(slot))).reference
                labs[index].feed(.receivedCertificate(notarCertificate(reference, by: [0, 1, 3])))
            }
            labs[index].tick(100)
            let skips = labs[index].effects.compactMap { effect -> Slot? in
                if case .cast(.skipFrom(0, let slot), _) = effect { slot } else { nil }
            }
            let expected = progress[index] == 3 ? [] : [Slot(UInt64(progress[index] + 1))]
            #expect(skips == expected, "\(progress)")
            if twoFaced {
                labs[index].vote(.skipFrom(0, index == 0 ? 3 : 1), by: [3])
            }
        }
        // All that was said reaches everyone.
        var moved = true
        while moved {
            moved = false
            for index in labs.indices {
                for effect in labs[index].take() {
                    for other in labs.indices where other != index {
                        switch effect {
                        case .cast(let statement, _):
                            labs[other].feed(.receivedStatement(sign(statement, by: index)))
                        case .broadcastCertificate(let certificate):
                            labs[other].feed(.receivedCertificate(certificate))
                        default: continue
                        }
                        moved = true
                    }
                }
            }
        }
        for lab in labs {
            #expect(lab.machine.currentWindow >= 1, "\(progress), two-faced: \(twoFaced)")
        }
        #expect(Set(labs.map(\.machine.topFinal)).count == 1, "\(progress)")
    }

    @Test("Rule 5: a node that executes slowly finalises what it has executed")
    func finalityUnderLag() {
        var lab = Lab(own: nil)
        lab.feed(.start)
        for slot in 1...3 as ClosedRange<UInt64> {
            lab.header(Slot(slot), nil)
            lab.notar(Slot(slot), by: [1, 2, 3])
            lab.final(Slot(slot), by: [1, 2, 3])
        }
        _ = lab.take()
        lab.feed(.judgedBlock(lab.block(1).reference, .valid))
        #expect(lab.machine.topFinal.slot == 1)
        lab.feed(.judgedBlock(lab.block(2).reference, .valid))
        lab.feed(.judgedBlock(lab.block(3).reference, .valid))
        let paths = lab.take().compactMap { effect -> [Slot]? in
            if case .finalised(let path, _) = effect { path.map(\.slot) } else { nil }
        }
        #expect(paths == [[1], [2], [3]])
    }

    @Test("Rule 5: one Final makes all ancestors final, and missing blocks are asked for")
    func ancestors() {
        var lab = Lab(own: nil)
        lab.feed(.start)
        lab.header(1)
        lab.header(3)
        lab.final(3, by: [1, 2, 3])
        #expect(lab.machine.topFinal == root)
        lab.tick(20)
        let wanted = lab.take().compactMap { effect -> BlockReference? in
            if case .wantBlock(let reference, _) = effect { reference } else { nil }
        }
        #expect(wanted == [lab.block(2).reference])
        lab.header(2)
        let paths = lab.take().compactMap { effect -> [Slot]? in
            if case .finalised(let path, _) = effect { path.map(\.slot) } else { nil }
        }
        #expect(paths == [[1, 2, 3]])
    }

    @Test("A block that a third voted for is asked for before a quorum stands, and voted for")
    func votedFor() {
        func wanted(_ lab: inout Lab) -> [BlockReference] {
            lab.take().compactMap {
                if case .wantBlock(let reference, let hints) = $0, hints.allSatisfy({ $0 != 0 }) {
                    reference
                } else {
                    nil
                }
            }
        }
        var lab = Lab(own: 0)
        lab.feed(.start)
        lab.header(1)
        _ = lab.take()
        lab.notar(1, by: [1])
        // One of four may lie about a block that nobody has.
        lab.notar(2, by: [1])
        lab.tick(40)
        #expect(wanted(&lab) == [])
        lab.notar(2, by: [2])
        lab.tick(39)
        #expect(wanted(&lab) == [])
        lab.tick(1)
        #expect(wanted(&lab) == [lab.block(2).reference])
        lab.header(2)
        #expect(lab.casts().contains(.notar(lab.block(2).reference)))
        lab.tick(40)
        #expect(wanted(&lab) == [])
    }

    @Test("A quorum for a block that execution refutes stops the node, in either order")
    func contradiction() {
        for verdictFirst in [true, false] {
            var lab = Lab(own: nil)
            lab.feed(.start)
            lab.header(1, verdictFirst ? .invalid : nil)
            lab.notar(1, by: [1, 2, 3])
            if !verdictFirst { lab.feed(.judgedBlock(lab.block(1).reference, .invalid)) }
            #expect(lab.take().contains(.contradiction(lab.block(1).reference)))
        }
    }

    @Test("Two Final certificates on different branches stop the node")
    func fork() {
        var lab = Lab(own: nil)
        lab.feed(.start)
        lab.header(1)
        lab.header(2)
        lab.final(2, by: [1, 2, 3])
        let other = block(at: 4, on: block(at: 1, on: root, height: 1).reference, height: 2)
        lab.feed(.receivedHeader(other))
        lab.feed(.judgedBlock(other.reference, .valid))
        lab.feed(.receivedCertificate(finalCertificate(other.reference, by: [0, 1, 2])))
        #expect(lab.take().contains(.contradiction(other.reference)))
    }

    @Test("An observer counts everything and says nothing")
    func observer() {
        var lab = Lab(own: nil)
        lab.feed(.start)
        for slot in 1...3 as ClosedRange<UInt64> {
            lab.header(Slot(slot))
            lab.notar(Slot(slot), by: [0, 1, 2])
            lab.final(Slot(slot), by: [0, 1, 2])
        }
        #expect(lab.machine.topFinal.slot == 3)
        lab.tick(10_000)
        #expect(lab.casts() == [])
    }

    @Test("E4 and E5 are noticed in both orders, once, and also inside a certificate")
    func evidence() {
        let one = block(at: 1, on: root, height: 1).reference
        let other = block(at: 1, on: root, height: 1, variant: 1).reference
        let pairs: [(Statement, Statement, Evidence.Offence)] = [
            (.notar(one), .notar(other), .twoNotars), (.final(one), .final(other), .twoFinals),
            (.skipFrom(0, 1), .skipFrom(0, 2), .twoSkips),
            (.final(one), .skipFrom(0, 1), .finalAndSkip),
        ]
        for (first, second, offence) in pairs {
            for swapped in [false, true] {
                var lab = Lab(own: 0)
                lab.feed(.start)
                let order = swapped ? [second, first] : [first, second]
                for statement in order + order { lab.vote(statement, by: [2]) }
                let found = lab.take().compactMap { effect -> Evidence? in
                    if case .evidence(let found) = effect { found } else { nil }
                }
                #expect(found.map(\.offence) == [offence])
                #expect(found.first?.guilty == 2)
                let said = found.flatMap { [$0.first.statement, $0.second.statement] }
                #expect(Set(said) == [first, second])
            }
        }
        // A Final below the SkipFrom is no offence, nor is one of another window.
        var lab = Lab(own: 0)
        lab.feed(.start)
        lab.vote(.final(one), by: [2])
        lab.vote(.skipFrom(0, 2), by: [2])
        lab.vote(.skipFrom(1, 4), by: [2])
        #expect(!lab.take().contains { if case .evidence = $0 { true } else { false } })
        lab.vote(.notar(one), by: [1])
        lab.feed(.receivedCertificate(notarCertificate(other, by: [1, 2, 3])))
        #expect(lab.take().contains { if case .evidence = $0 { true } else { false } })
    }

    @Test("T2: a statement of mine that I do not remember ends my signing")
    func lostLog() {
        var lab = Lab(own: 0)
        lab.feed(.start)
        lab.header(1)
        _ = lab.take()
        lab.notar(1, by: [0])
        #expect(!lab.take().contains(.lostLog))
        lab.feed(
            .receivedCertificate(notarCertificate(lab.block(2).reference, by: [0, 1, 2])))
        #expect(lab.take().contains(.lostLog))
        lab.header(2)
        lab.tick(10_000)
        #expect(lab.casts() == [])
    }

    @Test("T4: timers grow by half with each window without finality, and only finality resets")
    func timers() {
        let configuration = ConsensusConfiguration()
        let factors = (0...10 as ClosedRange<UInt64>).map {
            configuration.scaled(1024, windowsAboveFinal: $0)
        }
        #expect(
            factors == [
                1024, 1024, 1536, 2304, 3456, 5184, 7776, 11664, 16384, 16384, 16384,
            ])
        #expect(configuration.scaled(.max, windowsAboveFinal: .max) == .max)
        var lab = Lab(own: nil)
        lab.feed(.start)
        var observed: [UInt64] = []
        var voter = Lab(own: 0, leaders: [3, 3, 3, 3, 1, 1])
        voter.feed(.start)
        for window in 0..<5 as Range<UInt64> {
            observed.append((voter.machine.nextDeadline?.rawValue ?? 0) - voter.now)
            let slot = Slot(max(1, window * 4))
            voter.vote(.skipFrom(Window(window), slot), by: [1, 2, 3])
            _ = voter.take()
            // What asks for more after an empty window comes a delta later.
            voter.tick(10)
        }
        #expect(observed[0] == 40 * millisecond)
        #expect(observed[1] == 30 * millisecond)
        #expect(observed[2] == 50 * millisecond)
        #expect(observed[3] == 80 * millisecond)
        #expect(observed[4] == 125 * millisecond)
        // A block of window 5 becomes final: the next window's timer is short again.
        voter.header(20, on: 0)
        voter.notar(20, by: [1, 2, 3])
        voter.final(20, by: [1, 2, 3])
        #expect(voter.machine.topFinal.slot == 20)
        voter.vote(.skipFrom(5, 21), by: [1, 2, 3])
        #expect(voter.machine.currentWindow == 6)
        let next = (voter.machine.nextDeadline?.rawValue ?? 0) - voter.now
        if voter.machine.currentLeader != 0 { #expect(next == 40 * millisecond) }
    }

    @Test("A chunk that comes before the window is entered counts; beats never extend a slot")
    func signsOfLife() {
        var lab = Lab(own: 0, leaders: [3, 2])
        lab.feed(.start)
        lab.feed(.heardFromLeader(1, .chunk(4)))
        lab.vote(.skipFrom(0, 1), by: [1, 2, 3])
        #expect(lab.machine.currentWindow == 1)
        _ = lab.take()
        for _ in 0..<9 {
            lab.tick(11)
            #expect(lab.casts() == [])
            lab.feed(.heardFromLeader(1, .beat))
        }
        lab.tick(11)
        lab.tick(1)
        #expect(lab.casts() == [.skipFrom(1, 4)])
    }

    @Test(
        "M: a leader not heard for M windows is skipped at once; after M skipped windows it rests")
    func inactivity() {
        var lab = Lab(own: 0, leaders: [1, 1, 1, 3, 3, 3, 3, 3]) { $0.inactivityWindows = 3 }
        lab.feed(.start)
        var atOnce: [UInt64] = []
        for window in 0..<8 as Range<UInt64> {
            let reasons = lab.take().compactMap { effect -> SkipReason? in
                if case .skipped(_, _, let reason) = effect { reason } else { nil }
            }
            if reasons.contains(.inactiveLeader) { atOnce.append(window) }
            let slot = Slot(max(1, window * 4))
            // Validator 3 is silent from the start.
            lab.vote(.skipFrom(Window(window), slot), by: [1, 2])
            if lab.machine.currentWindow.rawValue == window {
                lab.tick(2_000)
            }
        }
        #expect(!atOnce.isEmpty && atOnce.allSatisfy { $0 >= 4 }, "\(atOnce)")
        #expect(atOnce.count < 4, "it rests: \(atOnce)")
    }

    @Test("A slow validator's late votes are still looked at now and then")
    func lateVotes() {
        var lab = Lab(own: 0, leaders: [1]) { $0.inactivityWindows = 8 }
        lab.feed(.start)
        lab.header(1)
        lab.notar(1, by: [1, 2])
        let late = sign(.notar(lab.block(1).reference), by: 3)
        #expect(!lab.machine.isUseful(late))
        for window in 0..<6 as Range<UInt64> {
            let slot = Slot(window == 0 ? 2 : window * 4)
            lab.vote(.skipFrom(Window(window), slot), by: [1, 2])
            if lab.machine.currentWindow.rawValue == window { lab.tick(2_000) }
        }
        #expect(lab.machine.isUseful(late))
        lab.feed(.receivedStatement(late))
        #expect(!lab.machine.isUseful(late))
    }

    @Test("T3: 400 skipped windows reach a laggard in bounded answers")
    func laggard() {
        let powers = [Power](repeating: 1, count: 100)
        var ahead = Lab(own: nil, leaders: [], powers: powers)
        var behind = Lab(own: nil, leaders: [], powers: powers)
        ahead.feed(.start)
        behind.feed(.start)
        for window in 0..<400 as Range<UInt64> {
            let slot = Slot(max(1, window * 4))
            let skip = certificate(
                .skip(Window(window), slot), by: (0..<67).map { ($0, slot) })
            ahead.feed(.receivedCertificate(skip))
        }
        #expect(ahead.machine.currentWindow == 400)
        var rounds = 0
        while behind.machine.currentWindow < 400, rounds < 100 {
            rounds += 1
            ahead.now += 10 * millisecond
            _ = ahead.take()
            ahead.feed(.receivedStatus(behind.machine.status, from: 1))
            for effect in ahead.take() {
                guard case .sendCertificates(let certificates, _, _) = effect else { continue }
                let bytes = certificates.reduce(0) { $0 + $1.encoded().count }
                #expect(bytes <= ahead.machine.configuration.replyBytes)
                for certificate in certificates {
                    behind.feed(.receivedCertificate(certificate))
                }
            }
            // The laggard asks again by itself, a delta after it has moved.
            behind.tick(10)
            let asked = behind.take().contains {
                if case .broadcastStatus = $0 { true } else { false }
            }
            #expect(asked)
        }
        #expect(behind.machine.currentWindow == 400, "after \(rounds) answers")
        #expect(rounds < 20)
    }

    @Test("Three equal validators: two votes are exactly two thirds, and no certificate")
    func exactlyTwoThirds() {
        var lab = Lab(own: nil, leaders: [2], powers: [1, 1, 1])
        lab.feed(.start)
        lab.header(1)
        lab.notar(1, by: [0, 1])
        #expect(!lab.take().contains { if case .certified = $0 { true } else { false } })
        lab.notar(1, by: [1])
        #expect(!lab.take().contains { if case .certified = $0 { true } else { false } })
        lab.notar(1, by: [2])
        #expect(lab.take().contains(.certified(lab.block(1).reference)))
    }

    @Test("Numbers far out of range are refused, and cost nothing")
    func farAway() {
        var lab = Lab(own: 0)
        lab.feed(.start)
        _ = lab.take()
        let far = BlockReference(slot: Slot(.max), hash: Digest(number: 1))
        for statement in [
            Statement.notar(far), .final(far), .skipFrom(Window(.max / 4), Slot(.max)),
            .skipFrom(Window(.max), 1), .skipFrom(0, Slot(.max)),
        ] {
            #expect(!lab.machine.isUseful(sign(statement, by: 1)))
            lab.vote(statement, by: [1, 2, 3])
        }
        for kind in [
            Certificate.Kind.notar(far), .skip(Window(.max / 4), Slot(.max)),
        ] {
            #expect(!lab.machine.isUseful(certificate(kind, by: [(1, Slot(.max))])))
        }
        lab.feed(.heardFromLeader(Window(.max), .chunk(Slot(.max))))
        lab.feed(
            .receivedStatus(
                Status(topFinal: far, topFinalHeight: Height(.max), firstUnclearedSlot: Slot(.max)),
                from: 1))
        lab.feed(
            .receivedStatus(
                Status(topFinal: root, topFinalHeight: 0, firstUnclearedSlot: 0), from: 999))
        #expect(lab.take() == [])
    }
}
