package import Primitives

/// What the machine shows the vote rules. A block's name is its header's hash.
extension ConsensusMachine: VoteView {
    package var windowLength: UInt64 { configuration.windowLength }
    package var pipelineDepth: UInt64 { configuration.pipelineDepth }
    package var topFinalSlot: Slot { topFinal.slot }
    package var topFinalName: Digest { topFinal.hash }
    package var highestNotarSlot: Slot { highestNotar }
    package var lastOwnFinalSlot: Slot { lastOwnFinal }

    package func hasNotarised(_ slot: Slot) -> Bool { slots[slot]?.ownNotar != nil }

    package func hasNotarised(_ slot: Slot, _ name: Digest) -> Bool {
        slots[slot]?.ownNotar == name
    }

    package func certifiedName(at slot: Slot) -> Digest? { slots[slot]?.certified }

    package func holdsNotarCertificate(_ slot: Slot, _ name: Digest) -> Bool {
        slots[slot]?.notarised?.hash == name
    }

    package func hasVotedFinal(_ slot: Slot) -> Bool { slots[slot]?.ownFinal != nil }

    package func ownSkip(of window: Window) -> Slot? { windows[window]?.ownSkip }

    package func skippedFrom(_ window: Window) -> Slot? { windows[window]?.skippedFrom }
}
