import Testing

@testable import BackhaulEmbedded

@Suite("Holder of the store's lock")
struct LockHolderTests {
    @Test func holderIsFoundAmongLocks() {
        let locks = """
            1: POSIX  ADVISORY  READ  11 fe:00:77 123 123
            2: POSIX  ADVISORY  WRITE 12 fe:00:76 120 120
            2: -> POSIX  ADVISORY  WRITE 13 fe:00:77 120 120
            3: FLOCK  ADVISORY  WRITE 14 fe:00:77 0 EOF
            4: POSIX  ADVISORY  WRITE 15 fe:00:77 121 121
            5: POSIX  ADVISORY  WRITE 16 fe:00:77 120 120
            """
        #expect(LockHolder.process(in: locks, inode: 77) == 16)
        #expect(LockHolder.process(in: locks, inode: 78) == nil)
        #expect(LockHolder.process(in: "1: POSIX  ADVISORY  WRITE -1 fe:00:77 0 EOF", inode: 77) == nil)
        #expect(
            LockHolder.process(in: "1: POSIX  ADVISORY  WRITE x fe:00:77 99999999999999999999 EOF", inode: 77) == nil)
    }
}
