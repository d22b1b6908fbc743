/// How a run ended, in the words of the page.
package struct Verdict: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case passed
        /// What the scenario set out to show was shown.
        case expected
        case violation
        case stall
        /// Nothing broke, and yet an expectation did not come true.
        case unmet
    }

    package let kind: Kind
    package let title: String
    package let detail: String

    package var isGood: Bool { kind == .passed || kind == .expected }

    package init(_ record: RunRecord) {
        let broken = record.checks.filter { !$0.findings.isEmpty }.map(\.property)
        let violated = broken.filter { $0 != .liveness }
        let rules = violated.map(\.rule).joined(separator: "; ")
        let names = violated.map(\.rawValue).joined(separator: ", ")
        let examined = record.checks.contains { $0.examined > 0 }
        let unmet = zip(record.expectationTexts, record.expectationsMet).filter { !$0.1 }
        switch (record.passed, violated.isEmpty, broken.isEmpty) {
        case (true, false, _):
            kind = .expected
            title = "Passed: found the expected violation of \(names)"
            detail = "The scenario breaks this on purpose: \(rules)."
        case (true, true, false):
            kind = .expected
            title = "Passed: found the expected stall"
            detail = "The scenario stops the chain on purpose, and nothing else broke."
        case (true, true, true):
            kind = .passed
            title = "Passed"
            detail =
                examined
                ? "No checker objects to anything, and all expectations came true."
                : "No checker objects, but none saw anything to judge."
        case (false, false, _):
            kind = .violation
            title = "Violation of \(names)"
            detail = "Broken: \(rules)."
        case (false, true, false):
            kind = .stall
            title = "Stall"
            detail = "Blocks did not become final in time. No other property is broken."
        case (false, true, true):
            kind = .unmet
            title = unmet.isEmpty ? "Failed" : "Failed: an expectation did not come true"
            detail =
                unmet.isEmpty
                ? "No checker objects to anything, and no reason is recorded."
                : "Not so: " + unmet.map(\.0).joined(separator: "; ") + "."
        }
    }

    /// In one or two words, for a row of the index.
    var brief: String {
        switch kind {
        case .passed: "passed"
        case .expected: "passed, broken as expected"
        case .violation: "violation"
        case .stall: "stall"
        case .unmet: "not as expected"
        }
    }

    /// A shape of its own for each, so that the colour is not alone; drawn in 24 by 24.
    var symbol: String {
        switch kind {
        case .passed: "M4 13l5 5L20 6"
        case .expected: "M6 22V3h11l-3 4 3 4H6"
        case .violation: "M5 5l14 14M19 5L5 19"
        case .stall: "M8 4v16M16 4v16"
        case .unmet: "M12 3v11M12 19v1"
        }
    }

    func drawSymbol(_ out: inout Markup) {
        out.element("svg", ["class": "symbol", "viewBox": "0 0 24 24", "role": "img"]) {
            $0.element("title", text: brief)
            $0.leaf("path", ["d": symbol])
        }
    }
}
