/// A binary heap by time, then by the order of posting: events of one time keep their order, so that
/// a run is a function of its seed.
struct EventQueue<Payload> {
    struct Entry {
        let time: UInt64
        let order: UInt64
        let payload: Payload
    }

    private var heap: [Entry] = []
    private var posted: UInt64 = 0

    var count: Int { heap.count }
    var nextTime: UInt64? { heap.first?.time }

    mutating func post(_ payload: Payload, at time: UInt64) {
        posted += 1
        heap.append(Entry(time: time, order: posted, payload: payload))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if Self.precedes(heap[parent], heap[child]) { break }
            heap.swapAt(parent, child)
            child = parent
        }
    }

    @inline(__always)
    private static func precedes(_ one: Entry, _ other: Entry) -> Bool {
        one.time != other.time ? one.time < other.time : one.order < other.order
    }

    mutating func pop() -> Entry? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        let count = heap.count
        while true {
            var least = parent
            let left = 2 * parent + 1
            if left < count, Self.precedes(heap[left], heap[least]) { least = left }
            if left + 1 < count, Self.precedes(heap[left + 1], heap[least]) { least = left + 1 }
            if least == parent { return first }
            heap.swapAt(least, parent)
            parent = least
        }
    }
}
