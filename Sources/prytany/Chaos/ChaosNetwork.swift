import LinkProxy
import Simulation

/// The links between all places through the proxy, and what faults make of them for the time being.
final class ChaosNetwork {
    private struct Link {
        let base: LinkConditions
        var changed: LinkConditions?
        /// How many faults cut it.
        var cuts = 0
        var effective: LinkConditions {
            var conditions = changed ?? base
            conditions.isCut = conditions.isCut || cuts > 0
            return conditions
        }
    }

    private let proxy: LinkProxy
    private let count: Int
    private var links: [Link]
    private let used: [(from: Int, to: Int)]

    init(_ scenario: Scenario, _ folder: ChaosFolder, seed: UInt64) throws {
        let proxy = LinkProxy(seed: seed)
        self.proxy = proxy
        let places = folder.places
        count = places.count
        links = places.flatMap { from in
            places.map { to in
                Link(base: Self.conditions(scenario, from.validator, to.validator))
            }
        }
        var pairs: [(from: Int, to: Int)] = []
        do {
            try folder.configure { from, to in
                pairs.append((from.index, to.index))
                return try proxy.open(
                    from: from.index, to: to.index, host: from.proxyHost, target: to.peerPort,
                    targetHost: to.host)
            }
            used = pairs
            for (from, to) in pairs {
                try proxy.set(links[from * count + to].effective, from: from, to: to)
            }
        } catch {
            try proxy.close()
            throw error
        }
    }

    private static func conditions(
        _ scenario: Scenario, _ from: Int, _ to: Int
    ) -> LinkConditions {
        var conditions = LinkConditions(scenario.links)
        if !scenario.regions.isEmpty {
            let regions = scenario.regions
            conditions.latencyNanoseconds = Int64(
                regions[from % regions.count].latency(to: regions[to % regions.count]))
        }
        return conditions
    }

    private func change(_ from: Int, _ to: Int, _ body: (inout Link) -> Void) throws {
        body(&links[from * count + to])
        try proxy.set(links[from * count + to].effective, from: from, to: to)
    }

    func cut(_ pairs: [(Int, Int)]) throws {
        for (from, to) in pairs { try change(from, to) { $0.cuts += 1 } }
    }

    func mend(_ pairs: [(Int, Int)]) throws {
        for (from, to) in pairs { try change(from, to) { $0.cuts -= 1 } }
    }

    func set(_ quality: LinkQuality?, _ pairs: [(Int, Int)]) throws {
        for (from, to) in pairs {
            try change(from, to) { $0.changed = quality.map { LinkConditions($0) } }
        }
    }

    func bytesDelivered() throws -> UInt64 {
        try used.reduce(0) { try $0 + proxy.delivered(from: $1.from, to: $1.to) }
    }

    func close() throws { try proxy.close() }
}

extension LinkConditions {
    /// `drop`, `duplicate`, `reorder` and `uplink` are the simulator's: TCP shows none of them.
    init(_ quality: LinkQuality) {
        self.init(
            latencyNanoseconds: quality.latency.nanoseconds,
            jitterNanoseconds: quality.jitter.nanoseconds, lossPerTenThousand: quality.loss,
            bytesPerSecond: quality.bandwidth, isCut: quality.cut)
    }
}
