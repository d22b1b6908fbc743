package import StarkField

/// The version of Sierra that a program is written in: its first three numbers.
package struct SierraVersion: Hashable, Comparable, Sendable {
    package var major: UInt64
    package var minor: UInt64
    package var patch: UInt64

    package init(_ major: UInt64, _ minor: UInt64, _ patch: UInt64) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    /// What stands for the version of a Cairo 0 class, which has none.
    package static let deprecated = SierraVersion(0, 0, 0)

    /// Nil where the program is too short, or a number is above 64 bits. Programs of the first
    /// compilers have a single felt, the short string `0.1.0`, and no numbers (starkware-libs/cairo,
    /// `felt252_serde.rs`).
    package init?(program: [Felt]) {
        if program.first == SierraVersion.first {
            self.init(0, 1, 0)
            return
        }
        guard program.count >= 3, let major = program[0].asUInt64,
            let minor = program[1].asUInt64, let patch = program[2].asUInt64
        else { return nil }
        self.init(major, minor, patch)
    }

    private static let first = HashTerms.shortString("0.1.0")

    package static func < (a: SierraVersion, b: SierraVersion) -> Bool {
        (a.major, a.minor, a.patch) < (b.major, b.minor, b.patch)
    }
}

extension SierraVersion: CustomStringConvertible {
    package var description: String { "\(major).\(minor).\(patch)" }
}
