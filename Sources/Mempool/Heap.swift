/// A binary heap: the element that `precedes` all others on top.
struct Heap<Element: Sendable>: Sendable {
    private(set) var elements: [Element] = []
    private let precedes: @Sendable (Element, Element) -> Bool

    init(_ precedes: @escaping @Sendable (Element, Element) -> Bool) { self.precedes = precedes }

    var count: Int { elements.count }
    var top: Element? { elements.first }

    mutating func push(_ element: Element) {
        elements.append(element)
        var child = elements.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard precedes(elements[child], elements[parent]) else { return }
            elements.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> Element? {
        guard let last = elements.popLast() else { return nil }
        guard let first = elements.first else { return last }
        elements[0] = last
        var parent = 0
        while true {
            var best = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < elements.count && precedes(elements[child], elements[best]) {
                best = child
            }
            if best == parent { return first }
            elements.swapAt(best, parent)
            parent = best
        }
    }

    mutating func removeAll() { elements.removeAll() }

    mutating func keep(_ isLive: (Element) -> Bool) {
        let live = elements.filter(isLive)
        elements.removeAll(keepingCapacity: true)
        for element in live { push(element) }
    }
}
