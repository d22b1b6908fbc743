import Consensus
import Primitives

/// An observation as one line of JSON. `t` is its time in nanoseconds; a process writes that of
/// CLOCK_MONOTONIC, which all processes of a machine share, and whoever reads the line takes off the
/// time at which the run began. `n` is the node, `e` says what happened.
extension Observed {
    package var jsonLine: String {
        var object = FlatJSON()
        object.add("t", time)
        object.add("n", UInt64(node))
        what.write(into: &object)
        return object.line
    }

    package init(jsonLine: String) throws(ObservationCodingError) {
        let fields = Fields(object: try FlatJSON(line: jsonLine))
        self.init(
            time: try fields.number("t"), node: try fields.integer("n"),
            what: try Observation(fields))
    }
}

extension Observation {
    fileprivate func write(into object: inout FlatJSON) {
        switch self {
        case .started(let height):
            object.add("e", "started")
            object.add("height", height.rawValue)
        case .stopped(let text): object.addText("stopped", text)
        case .refusedToStart(let text): object.addText("refused", text)
        case .said(let statement):
            object.add("e", "said")
            object.add(statement)
        case .led(let kind, let slot, let sequence, let hash):
            object.add("e", "led")
            object.add("object", kind.rawValue)
            object.add("slot", slot.rawValue)
            object.add("sequence", UInt64(sequence))
            object.add("hash", hash.description)
        case .enteredWindow(let window, let leader):
            object.add("e", "window")
            object.add("window", window.rawValue)
            object.add("leader", UInt64(leader.rawValue))
        case .skipped(let window, let slot, let reason):
            object.addText("skipped", reason)
            object.add("window", window.rawValue)
            object.add("slot", slot.rawValue)
        case .finalised(let height, let reference, let parent, let transactions):
            object.add("e", "final")
            object.add("height", height.rawValue)
            object.add(reference)
            object.add("parent-slot", parent.slot.rawValue)
            object.add("parent-hash", parent.hash.description)
            object.add("transactions", transactions.map(\.description))
        case .stored(let height):
            object.add("e", "stored")
            object.add("height", height.rawValue)
        case .hashed(let height, let hash):
            object.add("e", "hashed")
            object.add("height", height.rawValue)
            object.add("hash", hash.description)
        case .supply(let height, let sum):
            object.addText("supply", String(sum))
            object.add("height", height.rawValue)
        case .evidence(let guilty, let text):
            object.addText("evidence", text)
            object.add("guilty", UInt64(guilty.rawValue))
        case .canProve(let guilty, let text):
            object.addText("can-prove", text)
            object.add("guilty", UInt64(guilty.rawValue))
        case .invalidBlock(let reference, let text):
            object.addText("invalid", text)
            object.add(reference)
        case .acknowledged(let hash):
            object.add("e", "acknowledged")
            object.add("hash", hash.description)
        case .lostLog: object.add("e", "lost-log")
        case .halted(let text): object.addText("halted", text)
        case .caughtUp(let height):
            object.add("e", "caught-up")
            object.add("height", height.rawValue)
        case .sizes(let sizes):
            object.add("e", "sizes")
            object.add("mailbox", UInt64(clamping: sizes.mailbox))
            object.add("unverified", UInt64(clamping: sizes.unverified))
            object.add("pool", UInt64(clamping: sizes.pool))
            object.add("pool-bytes", UInt64(clamping: sizes.poolBytes))
            object.add("blocks", UInt64(clamping: sizes.blocksAboveFinal))
        }
    }

    fileprivate init(_ fields: Fields) throws(ObservationCodingError) {
        let event = try fields.text("e")
        switch event {
        case "started": self = .started(stored: try fields.height())
        case "stopped": self = .stopped(try fields.text("text"))
        case "refused": self = .refusedToStart(try fields.text("text"))
        case "said": self = .said(try fields.statement())
        case "led":
            let name = try fields.text("object")
            guard let object = LeaderObject(rawValue: name) else {
                throw .invalid(key: "object", value: name)
            }
            self = .led(
                object, try fields.slot(), sequence: try fields.small("sequence", UInt32.self),
                try fields.digest("hash"))
        case "window":
            self = .enteredWindow(
                try fields.window(), leader: ValidatorIndex(try fields.small("leader")))
        case "skipped":
            self = .skipped(
                try fields.window(), from: try fields.slot(), reason: try fields.text("text"))
        case "final":
            self = .finalised(
                try fields.height(), try fields.reference("slot", "hash"),
                parent: try fields.reference("parent-slot", "parent-hash"),
                transactions: try fields.digests("transactions"))
        case "stored": self = .stored(try fields.height())
        case "hashed": self = .hashed(try fields.height(), try fields.digest("hash"))
        case "supply":
            let text = try fields.text("text")
            guard let sum = UInt128(text) else { throw .invalid(key: "text", value: text) }
            self = .supply(try fields.height(), sum)
        case "evidence": self = .evidence(guilty: try fields.guilty(), try fields.text("text"))
        case "can-prove": self = .canProve(guilty: try fields.guilty(), try fields.text("text"))
        case "invalid":
            self = .invalidBlock(try fields.reference("slot", "hash"), try fields.text("text"))
        case "acknowledged": self = .acknowledged(try fields.digest("hash"))
        case "lost-log": self = .lostLog
        case "halted": self = .halted(try fields.text("text"))
        case "caught-up": self = .caughtUp(try fields.height())
        case "sizes":
            self = .sizes(
                Sizes(
                    mailbox: try fields.integer("mailbox"),
                    unverified: try fields.integer("unverified"),
                    pool: try fields.integer("pool"),
                    poolBytes: try fields.integer("pool-bytes"),
                    blocksAboveFinal: try fields.integer("blocks")))
        default: throw .unknownEvent(event)
        }
    }
}

extension FlatJSON {
    fileprivate mutating func addText(_ event: String, _ text: String) {
        add("e", event)
        add("text", text)
    }

    fileprivate mutating func add(_ reference: BlockReference) {
        add("slot", reference.slot.rawValue)
        add("hash", reference.hash.description)
    }

    fileprivate mutating func add(_ statement: Statement) {
        switch statement {
        case .notar(let reference):
            add("statement", "notar")
            add(reference)
        case .final(let reference):
            add("statement", "final")
            add(reference)
        case .skipFrom(let window, let slot):
            add("statement", "skip-from")
            add("window", window.rawValue)
            add("slot", slot.rawValue)
        }
    }
}

/// Reads typed values out of a line's object.
private struct Fields {
    let object: FlatJSON

    private func value(_ key: String) throws(ObservationCodingError) -> FlatJSON.Value {
        guard let value = object[key] else { throw .missing(key) }
        return value
    }

    func number(_ key: String) throws(ObservationCodingError) -> UInt64 {
        let value = try value(key)
        guard case .number(let number) = value else { throw .invalid(key: key, value: "\(value)") }
        return number
    }

    func text(_ key: String) throws(ObservationCodingError) -> String {
        let value = try value(key)
        guard case .text(let text) = value else { throw .invalid(key: key, value: "\(value)") }
        return text
    }

    func small<Number: FixedWidthInteger>(
        _ key: String, _: Number.Type = Number.self
    ) throws(ObservationCodingError) -> Number {
        let wide = try number(key)
        guard let number = Number(exactly: wide) else { throw .invalid(key: key, value: "\(wide)") }
        return number
    }

    func integer(_ key: String) throws(ObservationCodingError) -> Int { try small(key) }
    func height() throws(ObservationCodingError) -> Height { Height(try number("height")) }
    func slot() throws(ObservationCodingError) -> Slot { Slot(try number("slot")) }
    func window() throws(ObservationCodingError) -> Window { Window(try number("window")) }
    func guilty() throws(ObservationCodingError) -> ValidatorIndex {
        ValidatorIndex(try small("guilty"))
    }

    func digest(_ key: String) throws(ObservationCodingError) -> Digest {
        try Self.digest(try text(key), key)
    }

    func digests(_ key: String) throws(ObservationCodingError) -> [Digest] {
        let value = try value(key)
        guard case .texts(let texts) = value else { throw .invalid(key: key, value: "\(value)") }
        var digests: [Digest] = []
        for text in texts { digests.append(try Self.digest(text, key)) }
        return digests
    }

    private static func digest(
        _ text: String, _ key: String
    ) throws(ObservationCodingError) -> Digest {
        let digits = Array(text.utf8.dropFirst(2))
        guard text.hasPrefix("0x"), (1...64).contains(digits.count) else {
            throw .invalid(key: key, value: text)
        }
        var words: [UInt64] = [0, 0, 0, 0]
        for (index, digit) in digits.enumerated() {
            let value: UInt8
            switch digit {
            case 0x30...0x39: value = digit - 0x30
            case 0x61...0x66: value = digit - 0x61 + 10
            default: throw .invalid(key: key, value: text)
            }
            let place = digits.count - 1 - index
            words[3 - place / 16] |= UInt64(value) << UInt64(place % 16 * 4)
        }
        return Digest(words[0], words[1], words[2], words[3])
    }

    func reference(
        _ slot: String, _ hash: String
    ) throws(ObservationCodingError) -> BlockReference {
        BlockReference(slot: Slot(try number(slot)), hash: try digest(hash))
    }

    func statement() throws(ObservationCodingError) -> Statement {
        let kind = try text("statement")
        switch kind {
        case "notar": return .notar(try reference("slot", "hash"))
        case "final": return .final(try reference("slot", "hash"))
        case "skip-from": return .skipFrom(try window(), try slot())
        default: throw .invalid(key: "statement", value: kind)
        }
    }
}
