import StarkField

/// Which transactions of a window had better run one after the other: a guess from what they name.
/// A wrong guess costs time and nothing else.
///
/// Transactions of one sender are in one lane, and with them those that name the sender, such as
/// who pays it. So are transactions that name the same thing, unless many do: that is a token's or
/// an exchange's address or a selector, of which most calls have cells of their own.
struct Lanes {
    /// Felts of the calldata that are looked at.
    private static let lookedAt = 32
    /// A name is nothing special when more transactions have it, in small windows and in large.
    private static let fewHolders = 4
    private static let shareOfHolders = 8

    /// Places in the window, ascending; the lanes by their first place.
    let lanes: [[Int]]

    /// Each by itself.
    init(oneByOne count: Int) { lanes = (0..<count).map { [$0] } }

    init(of window: ArraySlice<PreparedTransaction>) {
        var senders: [ContractAddress: Int] = [:]
        var holders: [Felt: Int] = [:]
        var groups = Groups(count: window.count)
        for (place, prepared) in window.enumerated() {
            if let sender = Self.sender(of: prepared) {
                if let first = senders[sender] {
                    groups.join(first, place)
                } else {
                    senders[sender] = place
                }
            }
            Self.names(in: prepared) { holders[$0, default: 0] += 1 }
        }
        let most = max(Self.fewHolders, window.count / Self.shareOfHolders)
        var firstHolders: [Felt: Int] = [:]
        for (place, prepared) in window.enumerated() {
            Self.names(in: prepared) { name in
                if let sender = senders[name] {
                    groups.join(sender, place)
                } else if let count = holders[name], count > 1, count <= most {
                    if let first = firstHolders[name] {
                        groups.join(first, place)
                    } else {
                        firstHolders[name] = place
                    }
                }
            }
        }
        lanes = groups.all()
    }

    var longest: Int { lanes.reduce(0) { max($0, $1.count) } }

    /// Deals each lane to the job that has the fewest transactions so far. A job runs what it has
    /// in order, whatever the lane.
    func dealt(to jobs: Int) -> [[Int]] {
        var dealt = [[Int]](repeating: [], count: jobs)
        for lane in lanes {
            var least = 0
            for job in dealt.indices where dealt[job].count < dealt[least].count { least = job }
            dealt[least] += lane
        }
        for job in dealt.indices { dealt[job].sort() }
        return dealt
    }

    private static func sender(of prepared: PreparedTransaction) -> ContractAddress? {
        if case .l1Handler = prepared.transaction { nil } else { prepared.senderAddress }
    }

    /// Everything in the transaction that is too large for a number and may be a name.
    private static func names(in prepared: PreparedTransaction, _ body: (Felt) -> Void) {
        let felts: [Felt]
        switch prepared.transaction {
        case .invoke(let invoke): felts = invoke.calldata
        case .deployAccount(let deployment): felts = deployment.constructorCalldata
        case .declare(let declaration): felts = [declaration.transaction.classHash]
        case .l1Handler(let message):
            felts = message.calldata
            body(message.contractAddress)
        }
        for felt in felts.prefix(lookedAt) where felt.asUInt128 == nil { body(felt) }
    }

    /// Disjoint sets of the numbers below a count, each with its least as the root.
    private struct Groups {
        private var parents: [Int]

        init(count: Int) { parents = Array(0..<count) }

        private mutating func root(_ number: Int) -> Int {
            var number = number
            while parents[number] != number {
                parents[number] = parents[parents[number]]
                number = parents[number]
            }
            return number
        }

        mutating func join(_ one: Int, _ other: Int) {
            let (one, other) = (root(one), root(other))
            if one < other { parents[other] = one } else { parents[one] = other }
        }

        mutating func all() -> [[Int]] {
            var groups: [[Int]] = []
            var indices = [Int](repeating: 0, count: parents.count)
            for number in parents.indices {
                let root = root(number)
                if root == number {
                    indices[number] = groups.count
                    groups.append([])
                }
                groups[indices[root]].append(number)
            }
            return groups
        }
    }
}
