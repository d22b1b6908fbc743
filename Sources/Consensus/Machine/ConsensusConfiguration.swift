#if MUTANTS
    import Primitives
#endif

/// The constants of PROTOCOL section 2. Times in nanoseconds.
package struct ConsensusConfiguration: Hashable, Sendable {
    /// L: slots of a window.
    package var windowLength: UInt64 = 16
    /// P: how far a Notar may run ahead of the highest slot with a Notar certificate.
    package var pipelineDepth: UInt64 = 8
    /// M: windows of silence after which a leader is skipped at once.
    package var inactivityWindows: UInt64 = 64
    /// Windows above the current one for which statements are kept.
    package var lookaheadWindows: UInt64 = 64
    /// The assumed bound of one message's delay.
    package var deltaNanoseconds: UInt64 = 50_000_000
    /// T_slot: the longest an honest leader takes for a slot, busy or idle.
    package var slotNanoseconds: UInt64 = 2_000_000_000
    /// T_beat: a leader sends something at least this often.
    package var beatNanoseconds: UInt64 = 50_000_000
    /// The timers' factor grows by 3/2 a window without finality, up to this.
    package var factorCap: UInt64 = 16
    /// Without a new final block for so long, status and own statements are sent again.
    package var standstillNanoseconds: UInt64 = 500_000_000
    /// Bytes of certificates and statements in one answer to a status.
    package var replyBytes = 192 * 1024

    package init() {}

    /// How long no block may become final before it counts as a standstill: never less than an
    /// honest idle leader may take, so that an idle chain is not taken for a sick one.
    var standstillInterval: UInt64 {
        max(standstillNanoseconds, slotNanoseconds + 4 * deltaNanoseconds)
    }

    /// Timers scaled for window `windows` windows above that of the highest final block:
    /// min(1.5^max(0, windows - 1), cap), in integers.
    package func scaled(_ nanoseconds: UInt64, windowsAboveFinal windows: UInt64) -> UInt64 {
        #if MUTANTS
            if Mutant.timersNeverGrow.isActive { return nanoseconds }
        #endif
        let (limit, overflow) = nanoseconds.multipliedReportingOverflow(by: factorCap)
        let cap = overflow ? UInt64.max : limit
        var value = nanoseconds
        var steps = windows > 1 ? windows - 1 : 0
        while steps > 0, value < cap {
            let (grown, tooLarge) = value.addingReportingOverflow(value / 2)
            if tooLarge { return cap }
            value = grown
            steps -= 1
        }
        return min(value, cap)
    }
}
