import Consensus
import Primitives

/// Every block that leaders may propose, by index below `maximumBlocks`. All leaders equivocate: a
/// slot has `siblings` blocks on every parent that rule 1 could accept, which inside a window is any
/// block of the slot before, and at a window's first slot any block below, and the root.
struct ProposalTree: Sendable {
    static let maximumBlocks = 32
    /// The root's name. It is no block of the tree: it is final from the start.
    static let root = UInt8.max

    struct Block: Sendable {
        let slot: Slot
        let parent: UInt8
        let parentSlot: Slot
    }

    let windowLength: UInt64
    let rootSlot: Slot
    let slotCount: Int
    private(set) var blocks: [Block] = []
    /// The blocks of each slot above the root, one bit each.
    private(set) var slotMasks: [UInt32] = []
    /// Each block's descendants and itself.
    private(set) var descendants: [UInt32] = []
    /// Blocks that are neither ancestors nor descendants.
    private(set) var conflicts: [UInt32] = []
    /// Conflicting blocks at the same slot or above.
    private(set) var bypasses: [UInt32] = []
    /// Renamings of blocks that keep slots and parents: each exchanges two siblings with all that
    /// stands on them.
    private(set) var exchanges: [[UInt8]] = []

    init(_ settings: ExplorationSettings) throws(ExplorationError) {
        guard (1...8).contains(settings.slots), (1...8).contains(settings.windowLength),
            settings.siblings >= 1, settings.pipelineDepth >= 0,
            (0...1000).contains(settings.rootSlot ?? 0)
        else {
            throw .slotsOrWindow(slots: settings.slots, windowLength: settings.windowLength)
        }
        windowLength = UInt64(settings.windowLength)
        rootSlot = Slot(UInt64(settings.rootSlot ?? settings.windowLength - 1))
        slotCount = settings.slots
        for index in 0..<settings.slots {
            let slot = Slot(rootSlot.rawValue + 1 + UInt64(index))
            let first = blocks.count
            let isFirst = slot.offset(length: windowLength) == 0
            for parent in [ProposalTree.root] + (0..<UInt8(first)).map({ $0 }) {
                let parentSlot = self.slot(of: parent)
                guard isFirst || parentSlot.next == slot else { continue }
                let count = index == 0 ? max(2, settings.siblings) : settings.siblings
                for _ in 0..<count {
                    guard blocks.count < ProposalTree.maximumBlocks else {
                        throw .tooManyBlocks(maximum: ProposalTree.maximumBlocks)
                    }
                    blocks.append(Block(slot: slot, parent: parent, parentSlot: parentSlot))
                }
            }
            slotMasks.append(ProposalTree.bits(from: first, to: blocks.count))
        }
        relate()
        findExchanges()
    }

    private static func bits(from first: Int, to end: Int) -> UInt32 {
        (first..<end).reduce(0) { $0 | 1 << UInt32($1) }
    }

    private mutating func relate() {
        descendants = blocks.indices.map { 1 << UInt32($0) }
        for index in blocks.indices.reversed() where blocks[index].parent != ProposalTree.root {
            descendants[Int(blocks[index].parent)] |= descendants[index]
        }
        for (index, block) in blocks.enumerated() {
            var conflicting: UInt32 = 0
            var bypassing: UInt32 = 0
            for (other, otherBlock) in blocks.enumerated() {
                let isRelated =
                    descendants[index] >> UInt32(other) & 1 == 1
                    || descendants[other] >> UInt32(index) & 1 == 1
                if isRelated { continue }
                conflicting |= 1 << UInt32(other)
                if otherBlock.slot >= block.slot { bypassing |= 1 << UInt32(other) }
            }
            conflicts.append(conflicting)
            bypasses.append(bypassing)
        }
    }

    /// One exchange for each pair of neighbouring siblings. Siblings have alike subtrees, whose
    /// blocks were made in the same order.
    private mutating func findExchanges() {
        for (left, block) in blocks.enumerated() {
            let right = left + 1
            guard right < blocks.count, blocks[right].slot == block.slot,
                blocks[right].parent == block.parent
            else { continue }
            var names = blocks.indices.map { UInt8($0) }
            for (one, other) in zip(descendants[left].setBits, descendants[right].setBits) {
                names[one] = UInt8(other)
                names[other] = UInt8(one)
            }
            for (index, block) in blocks.enumerated() {
                let image = blocks[Int(names[index])]
                let parent =
                    block.parent == ProposalTree.root ? ProposalTree.root : names[Int(block.parent)]
                precondition(
                    image.slot == block.slot && image.parent == parent,
                    "no automorphism: block \(index) of \(blocks.count)")
            }
            exchanges.append(names)
        }
    }

    // MARK: - Looking up

    func slot(of name: UInt8) -> Slot {
        name == ProposalTree.root ? rootSlot : blocks[Int(name)].slot
    }

    /// The place of a slot above the root, nil below or beyond.
    func place(of slot: Slot) -> Int? {
        guard slot > rootSlot, slot.rawValue - rootSlot.rawValue <= UInt64(slotCount) else {
            return nil
        }
        return Int(slot.rawValue - rootSlot.rawValue) - 1
    }

    /// A block's slot as a bit by place; 0 for the root's.
    func slotBit(of name: UInt8) -> UInt32 {
        place(of: slot(of: name)).map { 1 << UInt32($0) } ?? 0
    }

    func slot(at place: Int) -> Slot { Slot(rootSlot.rawValue + 1 + UInt64(place)) }

    func blocks(at slot: Slot) -> UInt32 { place(of: slot).map { slotMasks[$0] } ?? 0 }

    /// The slots of a window that are searched, one bit each by place.
    func slotBits(of window: Window) -> UInt32 {
        window.slots(length: windowLength).reduce(0) { bits, number in
            bits | (place(of: Slot(number)).map { 1 << UInt32($0) } ?? 0)
        }
    }

    /// The slots that a skip from `slot` covers: it and the rest of its window.
    func slotBits(skippedFrom slot: Slot) -> UInt32 {
        guard let place = place(of: slot) else { return 0 }
        return slotBits(of: slot.window(length: windowLength)) & ~0 << UInt32(place)
    }

    /// The windows that hold a searched slot, ascending.
    var windows: [Window] {
        let first = slot(at: 0).window(length: windowLength).rawValue
        let last = slot(at: slotCount - 1).window(length: windowLength).rawValue
        return (first...last).map { Window($0) }
    }

    /// A block's slot and a letter: `2a`.
    func text(_ name: UInt8) -> String {
        guard name != ProposalTree.root else { return "the root" }
        let mates = blocks(at: slot(of: name)) & ((1 << UInt32(name)) - 1)
        let letter = UnicodeScalar(UInt8(97 + mates.nonzeroBitCount % 26))
        return "\(slot(of: name))\(letter)"
    }
}

extension UInt32 {
    /// The places of the bits that are set, ascending.
    var setBits: [Int] { (0..<32).filter { self >> UInt32($0) & 1 == 1 } }
}
