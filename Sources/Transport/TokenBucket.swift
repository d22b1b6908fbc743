/// A budget that refills with time. The balance may go below zero by one charge; time is an
/// argument, in nanoseconds of a monotonic clock.
struct TokenBucket {
    private let perSecond: Double
    private let burst: Double
    private var balance: Double
    private var updated: UInt64

    init(perSecond: UInt64, burst: UInt64, now: UInt64) {
        precondition(perSecond > 0, "a token bucket that never refills")
        self.perSecond = Double(perSecond)
        self.burst = Double(burst)
        balance = Double(burst)
        updated = now
    }

    private mutating func refill(_ now: UInt64) {
        guard now > updated else { return }
        balance = min(burst, balance + Double(now - updated) * perSecond / 1e9)
        updated = now
    }

    /// Whole tokens left.
    mutating func available(now: UInt64) -> Int {
        refill(now)
        return balance < 1 ? 0 : Int(min(balance, 1e15))
    }

    mutating func charge(_ count: Int, now: UInt64) {
        refill(now)
        balance -= Double(count)
    }

    /// Nanoseconds until the balance is positive again, 0 if it is.
    mutating func debt(now: UInt64) -> Int64 {
        refill(now)
        return balance >= 0 ? 0 : Int64(min(-balance / perSecond * 1e9, 3.6e12)) + 1
    }
}
