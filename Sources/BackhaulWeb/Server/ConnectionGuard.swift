internal import NIOCore
internal import NIOHTTPTypes
internal import Synchronization

/// Closes the least useful connection of a server when a new one exceeds its limits, as `ConnectionTable` decides.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// A pipeline event: a caller was identified on this connection.
    struct Proved: Sendable {}

    /// The connections of a server, with the means to close each.
    final class Table: Sendable {
        private struct State {
            var table: ConnectionTable
            var channels: [ConnectionTable.ID: any Channel] = [:]
        }

        private let state: Mutex<State>
        private let onClose: @Sendable () -> Void

        /// - Parameter onClose: called when a connection is closed for another one.
        init(limits: ConnectionTable.Limits, onClose: @escaping @Sendable () -> Void) {
            state = Mutex(State(table: ConnectionTable(limits: limits)))
            self.onClose = onClose
        }

        func open(_ channel: any Channel) -> ConnectionTable.ID {
            let (id, closing) = state.withLock { state in
                let (id, closing) = state.table.opened(from: ClientNetwork(channel.remoteAddress), .now)
                state.channels[id] = channel
                return (id, closing.flatMap { state.channels.removeValue(forKey: $0) })
            }
            if let closing {
                onClose()
                closing.close(promise: nil)
            }
            return id
        }

        func change(_ body: (inout ConnectionTable) -> Void) { state.withLock { body(&$0.table) } }

        func close(_ id: ConnectionTable.ID) {
            state.withLock { state in
                state.table.closed(id)
                state.channels[id] = nil
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

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is Proved else { return context.triggerUserOutboundEvent(event, promise: promise) }
        if let id { table.change { $0.proved(id) } }
        promise?.succeed()
    }
}
