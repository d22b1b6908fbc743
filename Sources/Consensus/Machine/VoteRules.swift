package import Primitives

/// What the vote rules read of one node. ``ConsensusMachine`` is one; the explorer's packed node is
/// another, so that the rules that are explored are the rules that run.
package protocol VoteView {
    /// What tells the blocks of one slot apart: a header's hash.
    associatedtype Name: Equatable

    /// L.
    var windowLength: UInt64 { get }
    /// P.
    var pipelineDepth: UInt64 { get }
    /// The highest block that is final here; the root at first.
    var topFinalSlot: Slot { get }
    var topFinalName: Name { get }
    /// The highest slot whose Notar certificate is held, never below the top final one.
    var highestNotarSlot: Slot { get }
    /// The highest slot of a Final of my own, in any window; 0 before the first.
    var lastOwnFinalSlot: Slot { get }

    /// Whether I voted Notar at this slot at all.
    func hasNotarised(_ slot: Slot) -> Bool
    /// Whether I voted Notar for exactly this block.
    func hasNotarised(_ slot: Slot, _ name: Name) -> Bool
    /// The block that I have Certified at this slot.
    func certifiedName(at slot: Slot) -> Name?
    /// Whether I hold a Notar certificate of exactly this block.
    func holdsNotarCertificate(_ slot: Slot, _ name: Name) -> Bool
    /// Whether I voted Final at this slot.
    func hasVotedFinal(_ slot: Slot) -> Bool
    /// The slot that my SkipFrom of this window names.
    func ownSkip(of window: Window) -> Slot?
    /// The lowest slot of this window for which I hold a skip certificate: it covers all later ones.
    func skippedFrom(_ window: Window) -> Slot?
}

/// The vote rules of PROTOCOL section 2, each in one place: when a statement may be cast, and what
/// it says. They judge places and votes alone: the caller answers for the block itself (held,
/// executed, `valid`), for its own standing (started, a validator, its log whole) and for the window
/// that it is in.
///
/// They are pure functions of a ``VoteView`` and not methods of the machine, so that an exhaustive
/// search over another, smaller state calls the same code.
package enum VoteRules {
    // MARK: - Quorums (section 1)

    /// 3w > 2W, in 128-bit integers.
    package static func isQuorum(_ power: PowerSum, of total: PowerSum) -> Bool {
        #if MUTANTS
            if Mutant.majorityIsQuorum.isActive { return 2 * power.value > total.value }
        #endif
        return power.isQuorum(of: total)
    }

    // MARK: - Rule 1: Notar

    /// Inside a window a block's parent is in the slot before; the first slot's is in an earlier
    /// window. Slot 1 of window 0 stands on the root in slot 0.
    package static func isWellPlaced(
        _ slot: Slot, onParentAt parent: Slot, windowLength length: UInt64
    ) -> Bool {
        slot.offset(length: length) == 0 ? parent < slot : parent.next == slot
    }

    /// At most one Notar a slot, ever, and none at or below the top final block.
    package static func mayStillNotarise<View: VoteView>(_ slot: Slot, _ view: View) -> Bool {
        #if MUTANTS
            if Mutant.twoNotars.isActive { return slot > view.topFinalSlot }
        #endif
        return slot > view.topFinalSlot && !view.hasNotarised(slot)
    }

    /// Whether a well-placed block at `slot` on this parent may have my Notar. First slot of a
    /// window: the parent is Certified and skip certificates cover every slot between. Otherwise the
    /// parent is Certified, or I voted Notar for exactly it and the slot lies at most P above the
    /// highest Notar certificate.
    package static func maySupport<View: VoteView>(
        _ slot: Slot, onParent parent: Slot, _ name: View.Name, _ view: View
    ) -> Bool {
        if slot.offset(length: view.windowLength) == 0 {
            return isCertified(parent, name, view) && skipsCover(from: parent, to: slot, view)
        }
        if isCertified(parent, name, view) { return true }
        return view.hasNotarised(parent, name)
            && slot.rawValue <= view.highestNotarSlot.rawValue + view.pipelineDepth
    }

    /// Rule 1 whole: may I cast Notar for a block at `slot` on this parent?
    package static func mayNotarise<View: VoteView>(
        _ slot: Slot, onParent parent: Slot, _ name: View.Name, _ view: View
    ) -> Bool {
        mayStillNotarise(slot, view)
            && isWellPlaced(slot, onParentAt: parent, windowLength: view.windowLength)
            && maySupport(slot, onParent: parent, name, view)
    }

    /// Skip certificates are held for every slot above `parent` and below `slot`. One that starts at
    /// or below a slot covers it and the rest of its window.
    package static func skipsCover<View: VoteView>(
        from parent: Slot, to slot: Slot, _ view: View
    ) -> Bool {
        var next = parent.next
        while next < slot {
            let window = next.window(length: view.windowLength)
            guard let from = view.skippedFrom(window), from <= next else { return false }
            next = window.next.firstSlot(length: view.windowLength)
        }
        return true
    }

    /// Progress: an honest leader builds on the highest Certified block for which it can show skips
    /// up to its own slot. `candidates` are Certified or final, highest first; the place of the one
    /// to build on.
    package static func highestParent<View: VoteView>(
        for slot: Slot, among candidates: [Slot], _ view: View
    ) -> Int? {
        candidates.firstIndex {
            isWellPlaced(slot, onParentAt: $0, windowLength: view.windowLength)
                && skipsCover(from: $0, to: slot, view)
        }
    }

    // MARK: - Rule 2: Certified

    /// Certified, or final: what a child may be built on.
    package static func isCertified<View: VoteView>(
        _ slot: Slot, _ name: View.Name, _ view: View
    ) -> Bool {
        (slot == view.topFinalSlot && name == view.topFinalName)
            || view.certifiedName(at: slot) == name
    }

    /// A slot above the top final block at which nothing is Certified yet.
    package static func mayStillCertify<View: VoteView>(_ slot: Slot, _ view: View) -> Bool {
        slot > view.topFinalSlot && view.certifiedName(at: slot) == nil
    }

    /// Rule 2 whole, but for the block's own verdict: a Notar certificate and a Certified parent.
    package static func mayCertify<View: VoteView>(
        _ slot: Slot, _ name: View.Name, onParent parent: Slot, _ parentName: View.Name,
        _ view: View
    ) -> Bool {
        mayStillCertify(slot, view) && view.holdsNotarCertificate(slot, name)
            && isCertified(parent, parentName, view)
    }

    // MARK: - Rule 3: Final

    /// The block for which I may cast Final at this slot: the Certified one, if I sent no SkipFrom
    /// of its window at or below it. (Known not to work: going on after an own skip, since skip
    /// certificates mix different slots.)
    package static func finalVote<View: VoteView>(at slot: Slot, _ view: View) -> View.Name? {
        guard let name = view.certifiedName(at: slot), !view.hasVotedFinal(slot) else { return nil }
        let window = slot.window(length: view.windowLength)
        #if MUTANTS
            if Mutant.finalAfterSkip.isActive { return name }
        #endif
        if let skip = view.ownSkip(of: window), skip <= slot { return nil }
        return name
    }

    // MARK: - Rule 4: SkipFrom

    /// The first slot of the window that I have not Certified; nil when there is none above the top
    /// final block.
    package static func firstUncertified<View: VoteView>(
        _ window: Window, _ view: View
    ) -> Slot? {
        for number in window.slots(length: view.windowLength)
        where mayStillCertify(Slot(number), view) {
            return Slot(number)
        }
        return nil
    }

    /// The slot that my SkipFrom of this window names, if I may cast it now for a reason to skip from
    /// `reason` on: once a window, the first slot that is not Certified, above my last Final; a
    /// reason to skip a later slot waits until that slot is the first. A timer is a reason for the
    /// window's first slot.
    package static func skipVote<View: VoteView>(
        _ window: Window, reason: Slot, _ view: View
    ) -> Slot? {
        #if MUTANTS
            if Mutant.skipAfterFinal.isActive, view.ownSkip(of: window) == nil {
                return window.firstSlot(length: view.windowLength)
            }
            if Mutant.skipFromReason.isActive, view.ownSkip(of: window) == nil,
                reason > view.lastOwnFinalSlot
            {
                return window.next.firstSlot(length: view.windowLength).rawValue > 0
                    ? Slot(window.next.firstSlot(length: view.windowLength).rawValue - 1) : reason
            }
        #endif
        guard view.ownSkip(of: window) == nil, let first = firstUncertified(window, view),
            first >= reason, first > view.lastOwnFinalSlot
        else { return nil }
        return first
    }
}
