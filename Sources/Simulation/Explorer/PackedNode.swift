import Consensus
import Primitives

/// One honest node, packed: the blocks it voted Notar, Certified and voted Final for, and the slots
/// that its SkipFroms cover. A SkipFrom covers the rest of its window, so that the lowest slot
/// covered in a window is the one named.
///
/// A quorum over nodes is bitwise: what every member of a coalition has in common.
struct PackedNode: Hashable, Sendable {
    /// Notar, Final, skipped slots, Certified.
    var bits = SIMD4<UInt32>()

    var notar: UInt32 {
        get { bits.x }
        set { bits.x = newValue }
    }
    var final: UInt32 {
        get { bits.y }
        set { bits.y = newValue }
    }
    var skipped: UInt32 {
        get { bits.z }
        set { bits.z = newValue }
    }
    var certified: UInt32 {
        get { bits.w }
        set { bits.w = newValue }
    }

    /// The same node after a renaming of blocks.
    func renamed(_ names: [UInt8]) -> PackedNode {
        var result = PackedNode()
        result.skipped = skipped
        for (index, name) in names.enumerated() {
            result.notar |= (notar >> UInt32(index) & 1) << UInt32(name)
            result.final |= (final >> UInt32(index) & 1) << UInt32(name)
            result.certified |= (certified >> UInt32(index) & 1) << UInt32(name)
        }
        return result
    }
}

/// The certificates that exist. Whether and when a node sees one is its own step, so that existing
/// is all that the network has to say: Certified is local, and a skip is used or not.
struct KnownCertificates: Hashable, Sendable {
    /// Blocks with a Notar quorum.
    var notar: UInt32
    /// Slots that a quorum skips, by place.
    var skipped: UInt32
}

/// A packed node as the vote rules see it.
///
/// The root stays the top final block, although a real node moves on. That loses no run: a block
/// with a Final quorum and its ancestors have Notar quorums, so a node that finalises a block can
/// here certify the same blocks instead, and all that the rules grant it then they grant it here.
struct NodeView: VoteView {
    let node: PackedNode
    let certificates: KnownCertificates
    let tree: ProposalTree
    let pipelineDepth: UInt64

    var windowLength: UInt64 { tree.windowLength }
    var topFinalSlot: Slot { tree.rootSlot }
    var topFinalName: UInt8 { ProposalTree.root }
    var highestNotarSlot: Slot { highestSlot(certificates.notar) ?? tree.rootSlot }
    var lastOwnFinalSlot: Slot { highestSlot(node.final) ?? 0 }

    /// Blocks are numbered by ascending slot.
    private func highestSlot(_ blocks: UInt32) -> Slot? {
        blocks == 0 ? nil : tree.slot(of: UInt8(31 - blocks.leadingZeroBitCount))
    }

    private func holds(_ blocks: UInt32, _ name: UInt8) -> Bool {
        name != ProposalTree.root && blocks >> UInt32(name) & 1 == 1
    }

    func hasNotarised(_ slot: Slot) -> Bool { node.notar & tree.blocks(at: slot) != 0 }
    func hasNotarised(_ slot: Slot, _ name: UInt8) -> Bool { holds(node.notar, name) }

    func certifiedName(at slot: Slot) -> UInt8? {
        let found = node.certified & tree.blocks(at: slot)
        return found == 0 ? nil : UInt8(found.trailingZeroBitCount)
    }

    func holdsNotarCertificate(_ slot: Slot, _ name: UInt8) -> Bool {
        holds(certificates.notar, name)
    }

    func hasVotedFinal(_ slot: Slot) -> Bool { node.final & tree.blocks(at: slot) != 0 }

    func ownSkip(of window: Window) -> Slot? { lowestSlot(node.skipped, window) }
    func skippedFrom(_ window: Window) -> Slot? { lowestSlot(certificates.skipped, window) }

    private func lowestSlot(_ slots: UInt32, _ window: Window) -> Slot? {
        let found = slots & tree.slotBits(of: window)
        return found == 0 ? nil : tree.slot(at: found.trailingZeroBitCount)
    }
}

/// A view that hides or adds something: what a broken rule would see.
struct BentView<Base: VoteView>: VoteView {
    enum Bend {
        case noOwnNotars, noOwnSkips, noCertifiedAndNoFinals, everySlotSkipped
    }
    let base: Base
    let bend: Bend

    var windowLength: UInt64 { base.windowLength }
    var pipelineDepth: UInt64 { base.pipelineDepth }
    var topFinalSlot: Slot { base.topFinalSlot }
    var topFinalName: Base.Name { base.topFinalName }
    var highestNotarSlot: Slot { base.highestNotarSlot }

    var lastOwnFinalSlot: Slot { bend == .noCertifiedAndNoFinals ? 0 : base.lastOwnFinalSlot }

    func hasNotarised(_ slot: Slot) -> Bool {
        bend == .noOwnNotars ? false : base.hasNotarised(slot)
    }

    func hasNotarised(_ slot: Slot, _ name: Base.Name) -> Bool { base.hasNotarised(slot, name) }

    func certifiedName(at slot: Slot) -> Base.Name? {
        bend == .noCertifiedAndNoFinals ? nil : base.certifiedName(at: slot)
    }

    func holdsNotarCertificate(_ slot: Slot, _ name: Base.Name) -> Bool {
        base.holdsNotarCertificate(slot, name)
    }

    func hasVotedFinal(_ slot: Slot) -> Bool { base.hasVotedFinal(slot) }

    func ownSkip(of window: Window) -> Slot? {
        bend == .noOwnSkips ? nil : base.ownSkip(of: window)
    }

    func skippedFrom(_ window: Window) -> Slot? {
        bend == .everySlotSkipped
            ? window.firstSlot(length: base.windowLength) : base.skippedFrom(window)
    }
}
