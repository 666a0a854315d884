/// Kafka's own partitioner for keyed records (murmur2, as `org.apache.kafka.common.utils.Utils.murmur2` and
/// librdkafka's `murmur2_random`), so that every adapter and every foreign producer puts a key into the same partition.
package enum Partitioner {
    /// The partition of `key` among `count` (at least 1) partitions.
    package static func partition(of key: [UInt8], among count: Int) -> Int {
        Int(murmur2(key) & 0x7fff_ffff) % max(1, count)
    }

    /// The 32-bit murmur2 hash with Kafka's seed.
    package static func murmur2(_ data: [UInt8]) -> UInt32 {
        let m: UInt32 = 0x5bd1_e995
        var h: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: data.count)
        var i = 0
        while i + 4 <= data.count {
            var k =
                UInt32(data[i]) | UInt32(data[i + 1]) << 8 | UInt32(data[i + 2]) << 16 | UInt32(data[i + 3]) << 24
            k = k &* m
            k ^= k >> 24
            k = k &* m
            h = h &* m
            h ^= k
            i += 4
        }
        let rest = data.count - i
        if rest == 3 { h ^= UInt32(data[i + 2]) << 16 }
        if rest >= 2 { h ^= UInt32(data[i + 1]) << 8 }
        if rest >= 1 {
            h ^= UInt32(data[i])
            h = h &* m
        }
        h ^= h >> 13
        h = h &* m
        h ^= h >> 15
        return h
    }
}
