import BackhaulFiles
import BackhaulTransfer
import BackhaulUnits

extension TransferBody {
    /// What a server of the tests gets of it.
    func bytes() throws -> [UInt8] {
        switch self {
        case .none: []
        case .bytes(let loaded): loaded.bytes
        case .file(let file): try file.read(at: .zero, size: file.size)
        case .slice(let slice): try slice.file.read(at: slice.offset, size: slice.size)
        }
    }
}
