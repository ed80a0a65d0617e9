/// What is still to happen, soonest first; of what happens at the same moment the smaller tie-break comes first, and
/// then what was put in first.
struct Agenda<Item: Sendable>: Sendable {
    private struct Entry {
        let at: Double
        let tie: UInt64
        let number: Int
        let slot: Int

        func precedes(_ other: Entry) -> Bool {
            if at != other.at { return at < other.at }
            if tie != other.tie { return tie < other.tie }
            return number < other.number
        }
    }

    /// A binary heap; the items lie apart, so that sifting moves little.
    private var heap: [Entry] = []
    private var items: [Item?] = []
    private var free: [Int] = []
    private var count = 0

    var next: Double? { heap.first?.at }

    mutating func add(_ item: Item, at: Double, tie: UInt64) {
        let slot: Int
        if let reused = free.popLast() {
            slot = reused
            items[slot] = item
        } else {
            slot = items.count
            items.append(item)
        }
        count += 1
        heap.append(Entry(at: at, tie: tie, number: count, slot: slot))
        siftUp()
    }

    mutating func pop() -> (at: Double, item: Item)? {
        guard let first = heap.first, let item = items[first.slot] else { return nil }
        items[first.slot] = nil
        free.append(first.slot)
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            siftDown()
        }
        return (first.at, item)
    }

    private mutating func siftUp() {
        var child = heap.count - 1
        let moving = heap[child]
        while child > 0 {
            let parent = (child - 1) / 2
            guard moving.precedes(heap[parent]) else { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = moving
    }

    private mutating func siftDown() {
        var parent = 0
        let moving = heap[0]
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].precedes(heap[child]) { child += 1 }
            guard heap[child].precedes(moving) else { break }
            heap[parent] = heap[child]
            parent = child
        }
        heap[parent] = moving
    }
}
