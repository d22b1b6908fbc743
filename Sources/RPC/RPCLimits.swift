package import JSONText

/// The named maxima of the RPC listener. What is above one of them is refused with a reason,
/// before memory or time is spent on it.
package struct RPCLimits: Sendable {
    /// Bytes of one request's body: Starknet's gateway lets a class of 4 089 446 bytes through, and a
    /// transaction comes with it.
    package var bodyBytes = 5 << 20
    /// Bytes above which a body is a large one: declarations alone have such.
    package var smallBodyBytes = 1 << 20
    /// Requests with large bodies being answered at one time; the next one is refused at once.
    package var concurrentLargeRequests = 8
    /// Calls of one batch.
    package var batchCalls = 50
    /// Bytes of all bodies that are being read at one time.
    package var pendingBodyBytes = 64 << 20
    /// Requests being answered at one time; the next one is refused at once. Counted from the end
    /// of a body, so that slow senders take no place.
    package var concurrentRequests = 256
    /// Health, status and metrics requests at one time, counted apart so that a node under load
    /// can still be watched.
    package var concurrentProbes = 16
    /// Open connections; further ones wait in the listen queue.
    package var connections = 1024
    /// Bytes after which the remaining calls of a batch are refused.
    package var batchAnswerBytes = 32 << 20
    /// From a connection's opening, or the end of an answer, to the end of the next request.
    package var idleMilliseconds = 30_000
    /// From the last byte of a request to its answer.
    package var answerMilliseconds = 10_000
    /// For a probe; a node that is stuck must not look healthy.
    package var probeMilliseconds = 2_000
    /// Bytes of a request's head.
    package var headBytes = 16 << 10
    /// Fields of a request's head.
    package var headFields = 100
    /// Events of one page.
    package var eventsPage = 1024
    /// Keys of one event filter, over all positions.
    package var filterKeys = 256
    /// Key positions of one event filter.
    package var filterPositions = 50
    /// Addresses of one event filter, or of a state update's.
    package var filterAddresses = 256
    /// Transactions of one fee estimate or simulation.
    package var estimateTransactions = 100
    /// Classes, contracts and slots of one request for storage proofs.
    package var proofKeys = 512
    package var json = JSONLimits()
    /// For large bodies.
    package var largeJSON = JSONLimits()

    package init() {
        // A felt of a class takes at least six bytes.
        largeJSON.values = 900_000
    }
}
