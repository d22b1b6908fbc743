import Primitives
import Replication
import Testing

struct CatchUpTests {
    private let second: UInt64 = 1_000_000_000

    @Test("nobody is asked while no peer is further than the slack")
    func slack() {
        var catchUp = CatchUp(peerCount: 4)
        catchUp.claimed(Height(12), by: ValidatorIndex(1))
        #expect(catchUp.nextRequest(own: Height(10), force: false, now: Tick(0)) == nil)
        #expect(!catchUp.isBehind(own: Height(10)))
        catchUp.claimed(Height(13), by: ValidatorIndex(1))
        #expect(catchUp.isBehind(own: Height(10)))
        #expect(
            catchUp.nextRequest(own: Height(10), force: false, now: Tick(0)) == ValidatorIndex(1))
    }

    @Test("one request is in flight at a time, and an answer frees it")
    func single() {
        var catchUp = CatchUp(peerCount: 3)
        catchUp.claimed(Height(50), by: ValidatorIndex(0))
        catchUp.claimed(Height(50), by: ValidatorIndex(2))
        let first = catchUp.nextRequest(own: Height(1), force: false, now: Tick(0))
        #expect(first != nil)
        #expect(catchUp.nextRequest(own: Height(1), force: false, now: Tick(1)) == nil)
        if let first { catchUp.answered(by: first) }
        let second = catchUp.nextRequest(own: Height(1), force: false, now: Tick(2))
        #expect(second != nil && second != first)
    }

    @Test("a peer that does not answer is passed over until its time has passed")
    func silence() {
        var catchUp = CatchUp(peerCount: 2)
        catchUp.claimed(Height(50), by: ValidatorIndex(0))
        catchUp.claimed(Height(50), by: ValidatorIndex(1))
        let first = catchUp.nextRequest(own: Height(1), force: false, now: Tick(0))
        let deadline = catchUp.nextDeadline
        #expect(deadline == Tick(second))
        let other = catchUp.nextRequest(own: Height(1), force: false, now: Tick(second))
        #expect(other != nil && other != first)
    }

    @Test("a liar is asked again only when there is no other")
    func liar() {
        var catchUp = CatchUp(peerCount: 2)
        catchUp.claimed(Height(50), by: ValidatorIndex(0))
        #expect(
            catchUp.nextRequest(own: Height(1), force: false, now: Tick(0)) == ValidatorIndex(0))
        catchUp.failed(ValidatorIndex(0), now: Tick(0))
        #expect(
            catchUp.nextRequest(own: Height(1), force: false, now: Tick(1)) == ValidatorIndex(0))
        catchUp.failed(ValidatorIndex(0), now: Tick(1))
        catchUp.claimed(Height(20), by: ValidatorIndex(1))
        #expect(
            catchUp.nextRequest(own: Height(1), force: false, now: Tick(2)) == ValidatorIndex(1))
    }

    @Test("a peer that went away is not asked, and its request is given up")
    func disconnection() {
        var catchUp = CatchUp(peerCount: 2)
        catchUp.claimed(Height(50), by: ValidatorIndex(1))
        _ = catchUp.nextRequest(own: Height(1), force: false, now: Tick(0))
        catchUp.disconnected(ValidatorIndex(1))
        #expect(catchUp.nextDeadline == nil)
        #expect(catchUp.nextRequest(own: Height(1), force: true, now: Tick(1)) == nil)
        #expect(catchUp.claimedHeight == Height(0))
    }

    @Test("claims of indices outside the set are ignored")
    func outside() {
        var catchUp = CatchUp(peerCount: 2)
        catchUp.claimed(Height(50), by: ValidatorIndex(9))
        #expect(catchUp.claimedHeight == Height(0))
    }
}
