/// Cells of runs that have ended, for those that begin: a large buffer that comes fresh from the
/// system costs more to touch for the first time than a machine takes to fill it.
///
/// Of one thread at a time, like the executor that owns it: copies of an executor share it, so they
/// may move to another thread only together. Holds at most `limit` cells; what is more goes back to
/// the system. What a run does never depends on what the pool holds.
package final class CellPool: @unchecked Sendable {
    private var free: [(cells: UnsafeMutablePointer<Cell>, capacity: Int)] = []
    private var held = 0
    private let limit: Int

    package init(limit: Int = 1 << 22) { self.limit = limit }

    deinit {
        for buffer in free { buffer.cells.deallocate() }
    }

    /// At least so many cells, not initialised.
    func take(_ wanted: Int) -> (cells: UnsafeMutablePointer<Cell>, capacity: Int) {
        var best: Int?
        for index in free.indices where free[index].capacity >= wanted {
            if let known = best, free[known].capacity <= free[index].capacity { continue }
            best = index
        }
        // Not one that is far too large: it is missed where it is needed.
        guard let best, free[best].capacity <= 4 * wanted else {
            return (.allocate(capacity: wanted), wanted)
        }
        let buffer = free.remove(at: best)
        held -= buffer.capacity
        return buffer
    }

    func give(_ cells: UnsafeMutablePointer<Cell>, _ capacity: Int) {
        guard held + capacity <= limit, free.count < 64 else {
            cells.deallocate()
            return
        }
        free.append((cells, capacity))
        held += capacity
    }
}
