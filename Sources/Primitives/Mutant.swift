#if MUTANTS
    /// Bugs that systems like this one had, switched on one at a time to see that the checkers notice.
    /// Compiled into the builds of deploy/mutants alone.
    package enum Mutant: String, CaseIterable, Sendable {
        // The disk and the shell around a replica.
        case noFileSync = "no-file-sync"
        case noDirectorySync = "no-directory-sync"
        case voteBeforePersist = "vote-before-persist"
        case replayLeftOut = "replay-left-out"
        case logDiscardsTooMuch = "log-discards-too-much"
        case bodyNotLogged = "body-not-logged"
        case leaderGoesOnAfterRestart = "leader-goes-on-after-restart"
        // Votes.
        case skipAfterFinal = "skip-after-final"
        case finalAfterSkip = "final-after-skip"
        case twoNotars = "two-notars"
        case majorityIsQuorum = "majority-is-quorum"
        case keyCountedTwice = "key-counted-twice"
        case voteCountedTwice = "vote-counted-twice"
        case skipFromReason = "skip-from-reason"
        case noCertifiedAfterSkip = "no-certified-after-skip"
        case holdIsInvalid = "hold-is-invalid"
        // Progress.
        case timersNeverGrow = "timers-never-grow"
        case beatResetsSlotTimer = "beat-resets-slot-timer"
        case statementsSentOnce = "statements-sent-once"
        case statusUnanswered = "status-unanswered"
        // What comes from others.
        case syncUnchecked = "sync-unchecked"
        case chunkUnchecked = "chunk-unchecked"
        // Users and evidence.
        case returnedForgotten = "returned-forgotten"
        case evidenceUnsaid = "evidence-unsaid"
        case evidenceNamesReporter = "evidence-names-reporter"

        /// Set once, before the first step of a run.
        nonisolated(unsafe) package static var active: Mutant?

        package var isActive: Bool { Mutant.active == self }
    }
#endif
