extension VersionedConstants {
    /// The constants of a version of Starknet: those of the newest known version that is not newer.
    /// Nil for versions before 0.13.4, whose rules this target does not have.
    package static func of(_ version: StarknetVersion) -> VersionedConstants? {
        known.last { $0.version <= version }?.constants
    }

    /// The versions whose constants come with this build, the oldest first.
    package static var knownVersions: [StarknetVersion] { known.map(\.version) }

    private static let known: [(version: StarknetVersion, constants: VersionedConstants)] =
        StarknetConstants.texts.map { entry in
            guard let version = StarknetVersion(entry.version) else {
                preconditionFailure("generated constants of version \(entry.version)")
            }
            do throws(ConstantsError) {
                return (version, try VersionedConstants(json: entry.json.utf8))
            } catch {
                preconditionFailure("generated constants of \(entry.version): \(error)")
            }
        }

    /// What this chain runs by: Starknet 0.13.5.
    package static let standard: VersionedConstants = {
        guard let constants = of(StarknetVersion(0, 13, 5)) else {
            preconditionFailure("no constants of Starknet 0.13.5")
        }
        return constants
    }()
}
