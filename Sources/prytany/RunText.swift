import Simulation

/// How a run of either engine reads on a terminal.
extension RunRecord {
    func sayExpectations() {
        for (text, met) in expectations { say("  \(met ? "yes" : "NO ")  \(text)") }
    }

    /// What each checker has seen and found, the figures, and how to repeat it.
    func sayDetails() {
        for check in checks {
            say(
                "  \(check.property.rawValue): \(check.examined) examined, "
                    + "\(check.findings.count) findings")
            for finding in check.findings.prefix(5) {
                say("    \(finding.time / 1_000_000) ms  \(finding.text)")
            }
        }
        for figure in figures { say("  \(figure.name): \(figure.value)") }
        if let prefix = failingPrefix {
            say("  faults that it takes: \(prefix.faultsKept)")
            say("  repeat: \(prefix.command)")
        } else {
            say("  repeat: \(command)")
        }
    }
}
