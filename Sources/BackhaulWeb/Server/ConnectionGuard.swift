internal import BackhaulDomain
internal import BackhaulUnits
internal import NIOCore
internal import NIOHTTPTypes
internal import Synchronization

/// Closes the least useful connection of a server when a new one exceeds its limits, as `ConnectionTable` decides.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// The connections of a server, with the means to close each.
    final class Table: Sendable {
        private struct State {
            var table: ConnectionTable
            var channels: [ConnectionTable.ID: any Channel] = [:]
            var ids: [ObjectIdentifier: ConnectionTable.ID] = [:]
        }

        private let state: Mutex<State>
        private let proxies: [AddressRange]
        private let onClose: @Sendable () -> Void

        /// - Parameters:
        ///   - proxies: whose connections are those of many clients, and not limited by address.
        ///   - onClose: called when a connection is closed for another one.
        init(
            limits: ConnectionTable.Limits, proxies: [AddressRange] = [], onClose: @escaping @Sendable () -> Void
        ) {
            self.proxies = proxies
            state = Mutex(State(table: ConnectionTable(limits: limits)))
            self.onClose = onClose
        }

        func open(_ channel: any Channel) -> ConnectionTable.ID {
            let peer = channel.remoteAddress
            let isProxy = ClientAddress.proxy(peer, among: proxies) != nil
            let (id, closing) = state.withLock { state in
                let (id, closing) = state.table.opened(from: isProxy ? nil : ClientNetwork(peer), .now)
                state.channels[id] = channel
                state.ids[ObjectIdentifier(channel)] = id
                return (id, closing.flatMap { Self.remove($0, from: &state) })
            }
            close(closing)
            return id
        }

        /// Records that a caller was identified on a connection, as `ConnectionTable.proved`.
        /// - Returns: whether its tenant has room for it.
        func proved(_ channel: any Channel, tenant: ByteText?, limit: Int) -> Bool {
            let (isIn, closing) = state.withLock { state -> (Bool, (any Channel)?) in
                guard let id = state.ids[ObjectIdentifier(channel)] else { return (true, nil) }
                let (isIn, closing) = state.table.proved(id, tenant: tenant, limit: limit)
                return (isIn, closing.flatMap { Self.remove($0, from: &state) })
            }
            close(closing)
            return isIn
        }

        private static func remove(_ id: ConnectionTable.ID, from state: inout State) -> (any Channel)? {
            guard let channel = state.channels.removeValue(forKey: id) else { return nil }
            state.ids[ObjectIdentifier(channel)] = nil
            return channel
        }

        private func close(_ channel: (any Channel)?) {
            guard let channel else { return }
            onClose()
            channel.close(promise: nil)
        }

        func change(_ body: (inout ConnectionTable) -> Void) { state.withLock { body(&$0.table) } }

        func close(_ id: ConnectionTable.ID) {
            state.withLock { state in
                state.table.closed(id)
                _ = Self.remove(id, from: &state)
            }
        }
    }

    private let table: Table
    private var id: ConnectionTable.ID?

    init(_ table: Table) { self.table = table }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { enter(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    func channelActive(context: ChannelHandlerContext) {
        enter(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    private func enter(_ context: ChannelHandlerContext) {
        if id == nil { id = table.open(context.channel) }
    }

    private func leave() {
        if let id { table.close(id) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head = unwrapInboundIn(data), let id { table.change { $0.began(id) } }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data), let id { table.change { $0.answered(id, .now) } }
        context.write(data, promise: promise)
    }
}
