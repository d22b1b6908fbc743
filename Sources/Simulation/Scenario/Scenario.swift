import Adversary

/// A story that an operator fears, told once and played by two engines: the simulator, under virtual
/// time, and the chaos runner, on real processes. `chaos/README.md` explains each key of the file.
package struct Scenario: Hashable, Sendable, Decodable {
    package enum Engine: String, Hashable, Sendable, Codable, CaseIterable {
        case simulation, processes
    }

    /// The genesis's timers; a default keeps tests on one machine short.
    package struct Timing: Hashable, Sendable, Decodable {
        package var delta = Span.milliseconds(50)
        package var slot = Span.milliseconds(2000)
        package var beat = Span.milliseconds(50)
        package var emptyBlock = Span.milliseconds(500)
        package var standstill = Span.milliseconds(500)
        package var windowLength: UInt64 = 16
        /// P: how far votes may run ahead of certificates, in slots (the simulator only).
        package var pipelineDepth: UInt64 = 8
        package init() {}

        package init(from decoder: any Decoder) throws {
            let keys = try StrictKeys(
                decoder,
                known: [
                    "delta", "slot", "beat", "empty-block", "standstill", "window-length",
                    "pipeline-depth",
                ])
            delta = try keys.value("delta", or: delta)
            slot = try keys.value("slot", or: slot)
            beat = try keys.value("beat", or: beat)
            emptyBlock = try keys.value("empty-block", or: emptyBlock)
            standstill = try keys.value("standstill", or: standstill)
            windowLength = try keys.value("window-length", or: windowLength)
            pipelineDepth = try keys.value("pipeline-depth", or: pipelineDepth)
            guard (1...256).contains(pipelineDepth) else {
                throw keys.fail("pipeline-depth \(pipelineDepth) is not in 1...256")
            }
            guard (2...256).contains(windowLength) else {
                throw keys.fail("window-length \(windowLength) is not in 2...256")
            }
            for span in [delta, slot, beat, emptyBlock, standstill] where span.nanoseconds <= 0 {
                throw keys.fail("a time of \(span) is not above zero")
            }
            guard emptyBlock < slot else {
                throw keys.fail("empty-block \(emptyBlock) must be below slot \(slot)")
            }
        }
    }

    package struct Disk: Hashable, Sendable, Decodable {
        /// How long one sync takes in the simulator.
        package var sync = Span(nanoseconds: 300_000)
        package init() {}

        package init(from decoder: any Decoder) throws {
            let keys = try StrictKeys(decoder, known: ["sync"])
            sync = try keys.value("sync", or: sync)
            guard sync.nanoseconds >= 0 else { throw keys.fail("sync \(sync) is below zero") }
        }
    }

    package struct Workload: Hashable, Sendable, Decodable {
        /// Transactions a second, over all nodes that answer.
        package var rate: UInt64 = 20
        /// Bytes of each in the simulator.
        package var bytes = 128
        package var accounts = 8
        package init() {}

        package init(from decoder: any Decoder) throws {
            let keys = try StrictKeys(decoder, known: ["rate", "bytes", "accounts"])
            rate = try keys.value("rate", or: rate)
            bytes = try keys.value("bytes", or: bytes)
            accounts = try keys.value("accounts", or: accounts)
            guard (1...200).contains(accounts), (64...200_000).contains(bytes), rate <= 100_000
            else { throw keys.fail("accounts 1...200, bytes 64...200000, rate up to 100000") }
        }
    }

    /// What must have come true at the end.
    package struct Expectation: Hashable, Sendable, Decodable {
        package enum Verdict: String, Hashable, Sendable, Codable {
            /// Every checker is content and the chain goes on.
            case holds
            /// Two nodes finalised different blocks: what too much Byzantine stake does.
            case violation
            /// Nothing becomes final, and nothing is broken.
            case stall
            /// Either of them.
            case broken
        }
        package var verdict = Verdict.holds
        /// After the last fault ended, every honest node has a new final block within this time.
        package var recovery: Span?
        /// Heights that must be final at the end.
        package var height: UInt64 = 1
        /// Validators that must be named by evidence.
        package var guilty: [Int] = []
        /// Nodes that may be down at the end: what they lost can't be mended.
        package var down: [Int] = []
        /// Nodes that must refuse to start, with a message that contains the text.
        package var refuses: [Int: String] = [:]
        package init() {}

        package init(from decoder: any Decoder) throws {
            let keys = try StrictKeys(
                decoder, known: ["verdict", "recovery", "height", "guilty", "down", "refuses"])
            verdict = try keys.value("verdict", or: verdict)
            recovery = try keys.value("recovery")
            height = try keys.value("height", or: height)
            guilty = try keys.value("guilty", or: guilty)
            down = try keys.value("down", or: down)
            refuses = try keys.value("refuses", or: refuses)
        }
    }

    package var name: String
    package var story: String
    package var engines = Engine.allCases
    /// Power of each validator, by index.
    package var stakes: [UInt64] = [100, 100, 100, 100]
    /// A region's name for each validator, in order and around again; none: all at one place.
    package var regions: [Region] = []
    package var timing = Timing()
    package var links = LinkQuality()
    package var disk = Disk()
    package var workload = Workload()
    package var byzantine: [Int: String] = [:]
    package var duration = Span.seconds(20)
    package var faults: [Fault] = []
    package var expect = Expectation()

    package init(name: String, story: String) {
        self.name = name
        self.story = story
    }

    package init(from decoder: any Decoder) throws {
        let keys = try StrictKeys(
            decoder,
            known: [
                "name", "story", "engines", "validators", "stakes", "regions", "timing", "links",
                "disk", "workload", "byzantine", "duration", "faults", "expect",
            ])
        name = try keys.required("name")
        story = try keys.required("story")
        engines = try keys.value("engines", or: engines)
        if let count: Int = try keys.value("validators") {
            guard (1...200).contains(count) else {
                throw keys.fail("validators \(count) is not in 1...200")
            }
            stakes = Array(repeating: 100, count: count)
        }
        if let given: [UInt64] = try keys.value("stakes") {
            if keys.has("validators"), given.count != stakes.count {
                throw keys.fail("\(given.count) stakes for \(stakes.count) validators")
            }
            stakes = given
        }
        regions = try keys.value("regions", or: regions)
        timing = try keys.value("timing", or: timing)
        links = try keys.value("links", or: links)
        disk = try keys.value("disk", or: disk)
        workload = try keys.value("workload", or: workload)
        byzantine = try keys.value("byzantine", or: byzantine)
        duration = try keys.value("duration", or: duration)
        faults = try keys.value("faults", or: faults)
        expect = try keys.value("expect", or: expect)
        try check()
    }

    /// What no single key shows to be wrong.
    private func check() throws(ScenarioError) {
        func refuse(_ path: String, _ problem: String) -> ScenarioError {
            ScenarioError(path: path, problem: problem)
        }
        guard !stakes.isEmpty, stakes.allSatisfy({ (1...1 << 53).contains($0) }) else {
            throw refuse("stakes", "each is from 1 to 2^53")
        }
        guard stakes.count <= 200 else {
            throw refuse("stakes", "\(stakes.count) validators; there can be 200")
        }
        for (validator, role) in byzantine.sorted(by: { $0.key < $1.key })
        where ByzantineRole(rawValue: role) == nil {
            throw refuse(
                "byzantine",
                "validator \(validator) has the role '\(role)'; known are "
                    + ByzantineRole.allCases.map(\.rawValue).joined(separator: ", "))
        }
        guard !links.cut else { throw refuse("links", "cut is for a fault, which ends") }
        if let recovery = expect.recovery, recovery.nanoseconds <= 0 {
            throw refuse("expect", "recovery \(recovery) is not above zero")
        }
        guard duration.nanoseconds > 0 else { throw refuse("duration", "must be above zero") }
        guard !engines.isEmpty else { throw refuse("engines", "names none") }
        let named =
            Array(byzantine.keys) + expect.guilty + expect.down + Array(expect.refuses.keys)
            + faults.flatMap(\.namedNodes)
        for node in named.sorted() where !stakes.indices.contains(node) {
            throw refuse(
                "", "node \(node) is named, and there are nodes 0 to \(stakes.count - 1)")
        }
        for (index, fault) in faults.enumerated() {
            if let problem = fault.problem { throw refuse("faults.[\(index)]", problem) }
            if case .at(let time) = fault.trigger, time > duration {
                throw refuse("faults", "a fault at \(time) after the end, at \(duration)")
            }
        }
    }

    /// The power of the named Byzantine validators, against all.
    package var byzantinePower: (power: UInt64, total: UInt64) {
        (byzantine.keys.reduce(0) { $0 + stakes[$1] }, stakes.reduce(0, +))
    }
}
