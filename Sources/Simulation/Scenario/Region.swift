/// Where a validator stands. Round trips between two regions are averages that a cloud's operator
/// measured on its own backbone from 19 October to 17 November 2024 (IBM Cloud, "VPC network latency
/// dashboards", table of inter-region latency); within a region, between two of its zones.
package enum Region: String, Hashable, Sendable, Codable, CaseIterable {
    case dallas, toronto, washington, frankfurt, london, madrid, osaka, sydney, tokyo
    case saoPaulo = "sao-paulo"

    /// Milliseconds, rows and columns in the order of the cases.
    private static let roundTrips: [[UInt64]] = [
        [2, 33, 31, 123, 113, 119, 149, 186, 143, 144],
        [33, 2, 19, 93, 83, 106, 169, 213, 162, 131],
        [31, 19, 2, 90, 76, 85, 175, 212, 168, 119],
        [123, 93, 90, 2, 13, 29, 232, 250, 230, 198],
        [113, 83, 76, 13, 2, 27, 244, 261, 243, 189],
        [119, 106, 85, 29, 27, 2, 259, 276, 255, 206],
        [149, 169, 175, 232, 244, 259, 2, 122, 9, 292],
        [186, 213, 212, 250, 261, 276, 122, 2, 115, 326],
        [143, 162, 168, 230, 243, 255, 9, 115, 2, 284],
        [144, 131, 119, 198, 189, 206, 292, 326, 284, 2],
    ]

    private var index: Int { Region.allCases.firstIndex(of: self) ?? 0 }

    /// One way, in nanoseconds: half of the measured round trip.
    package func latency(to other: Region) -> UInt64 {
        Region.roundTrips[index][other.index] * 500_000
    }
}
