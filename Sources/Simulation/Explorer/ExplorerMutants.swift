/// A broken rule, or a broken assumption, with the smallest search that must notice it.
package struct ExplorerMutant: Sendable {
    package let name: String
    /// What is broken.
    package let story: String
    package let settings: ExplorationSettings

    /// Two windows of one slot each are enough for every fork: a block in the first, and one in the
    /// second that passes it by.
    private init(_ name: String, _ story: String, _ change: (inout ExplorationSettings) -> Void) {
        var settings = ExplorationSettings()
        settings.slots = 2
        settings.rootSlot = 0
        change(&settings)
        self.name = name
        self.story = story
        self.settings = settings
    }

    private init(_ mutation: RuleMutation, _ story: String) {
        self.init(mutation.rawValue, story) { $0.mutation = mutation }
    }

    package static let all = [
        ExplorerMutant(.skipAfterFinal, "rule 4 forgets what is Certified and Final here"),
        ExplorerMutant(.finalAfterSkip, "rule 3 forgets the own SkipFrom"),
        ExplorerMutant(.twoNotarisations, "rule 1 allows several Notars at a slot"),
        ExplorerMutant(.missingSkipProof, "rule 1 asks for no skips between block and parent"),
        ExplorerMutant(.quorumMinusOne, "one unit of power less is taken for a quorum"),
        ExplorerMutant(.lostLog, "an honest validator forgets its votes and goes on (T2)"),
        ExplorerMutant("byzantine-third", "Byzantine power is 3 of 7: not below a third") {
            $0.powers = [1, 1, 1, 1, 3]
            $0.byzantine = [4]
        },
    ]
}
